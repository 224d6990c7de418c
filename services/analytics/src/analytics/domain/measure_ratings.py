"""How do customers rate what a workflow did in a window?"""

from collections.abc import Iterable

from analytics.domain.kpi_blocks import Moments, Scope, rating_of
from analytics.domain.measurement import Measurement


def measure_ratings(conversations: Iterable[Moments], *, workflow: str, from_ms: int, to_ms: int) -> Measurement:
    """The mean of ratings of 1 to 5 that came in [from, to), each booked to the workflow that served the conversation
    then. From the moments of conversations that may have one."""
    scope = Scope(from_ms, to_ms, workflow)
    ratings = [
        amount
        for moments in conversations
        for at_ms, name, amount in rating_of(scope, moments)
        if name.startswith("rating_sum.") and from_ms <= at_ms < to_ms
    ]
    return Measurement(sum(ratings) / len(ratings) if ratings else None, len(ratings))
