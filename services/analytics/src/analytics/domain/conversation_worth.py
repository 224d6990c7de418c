"""What was a conversation worth, and to whom is that booked: business events and ratings, by workflow version?"""

from collections.abc import Iterator, Mapping

from analytics.domain.cells import MINUTE_MS, Subject
from analytics.domain.kpi_moments import exposures_in, kpis_in, served_by
from analytics.domain.rollup import Rollup
from analytics.domain.share import Place, Share, Shares

AI_ONLY, HANDED_OVER = "ai_only", "handed_over"
SATISFIED_MIN = 4

Moments = Mapping[str, int]


def worth_of(rollup: Rollup) -> Shares:
    """In the minute of each event or rating: `kpi.<name>` counts events, `micros.<name>.<currency>` adds them up;
    `ratings.`, `rating_sum.` and `satisfied.` are of the AI alone or of conversations that were handed over. In the
    minute of each exposure to an experiment: `csat.count`, `.total` and `.squares` of its arm."""
    moments, found = rollup.moments, dict[Place, dict[str, int]]()
    if not any(name.startswith(("kpi.", "rated.")) for name in moments):
        return {}
    for subject, at_ms, name, amount in _amounts(rollup.cell.subject.tenant, moments):
        sums = found.setdefault((subject, at_ms // MINUTE_MS * MINUTE_MS), {})
        sums[name] = sums.get(name, 0) + amount
    return {place: Share(sums) for place, sums in found.items()}


def _amounts(tenant: str, moments: Moments) -> Iterator[tuple[Subject, int, str, int]]:
    """(to whom, when, of what, how much)"""
    for kpi in kpis_in(moments):
        subject = _booked_to(tenant, moments, kpi.at_ms)
        yield subject, kpi.at_ms, f"kpi.{kpi.name}", 1
        yield subject, kpi.at_ms, f"micros.{kpi.name}.{kpi.currency}", kpi.micros
    rated = [(at_ms, int(name.removeprefix("rated."))) for name, at_ms in moments.items() if name.startswith("rated.")]
    if rated:
        yield from _rating(tenant, moments, *min(rated))


def _rating(tenant: str, moments: Moments, at_ms: int, rating: int) -> Iterator[tuple[Subject, int, str, int]]:
    """The first one counts: of the AI alone where nobody had been asked for before it."""
    was_opened = any(since_ms <= at_ms for name, since_ms in moments.items() if name.startswith("opened."))
    by, subject = HANDED_OVER if was_opened else AI_ONLY, _booked_to(tenant, moments, at_ms)
    yield subject, at_ms, f"ratings.{by}", 1
    yield subject, at_ms, f"rating_sum.{by}", rating
    yield subject, at_ms, f"satisfied.{by}", int(rating >= SATISFIED_MIN)
    for exposure in exposures_in(moments):
        arm = Subject(tenant, "arm_ratings", version=exposure.version, experiment=exposure.experiment)
        yield arm, exposure.at_ms, "csat.count", 1
        yield arm, exposure.at_ms, "csat.total", rating
        yield arm, exposure.at_ms, "csat.squares", rating * rating


def _booked_to(tenant: str, moments: Moments, at_ms: int) -> Subject:
    """The version that served the conversation then; none, where none ever did."""
    workflow, version = served_by(moments, at_ms) or ("", "")
    return Subject(tenant, "worth", workflow, version)
