"""How do customers rate what a workflow did in a window?"""

from collections.abc import Iterable

from analytics.domain.conversation_worth import AI_ONLY, HANDED_OVER
from analytics.domain.measurement import Measurement
from analytics.domain.rollup import Rollup


def measure_ratings(worth: Iterable[Rollup]) -> Measurement:
    """The mean of ratings of 1 to 5 in these rollups of what conversations were worth."""
    count = total = 0
    for rollup in worth:
        for by in (AI_ONLY, HANDED_OVER):
            count += rollup.counts.get(f"ratings_{by}", 0)
            total += rollup.counts.get(f"rating_sum_{by}", 0)
    return Measurement(total / count if count else None, count)
