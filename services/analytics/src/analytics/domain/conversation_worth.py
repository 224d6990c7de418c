"""What was a conversation worth, and to whom is that booked: business events and ratings, by workflow version?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analytics.domain.cells import MINUTE_MS, Subject
from analytics.domain.kpi_moments import exposures_in, first_rating, kpis_in, served_by
from analytics.domain.rollup import Rollup
from analytics.domain.share import PART, Place, Share, Shares, parts_of
from contracts.kpis import CONVERSION, RETENTION, REVENUE

AI_ONLY, HANDED_OVER = "ai_only", "handed_over"
SATISFIED_MIN = 4
STANDARD = frozenset({REVENUE, CONVERSION, RETENTION})
"""Names of business events that every tenant has; all others are the clients' own, and a sum has room for so many."""

Moments = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Events:
    """Business events of one name; sums in millionths by currency, '' for what is no money."""

    count: int
    micros: Mapping[str, int]


def events_in(sums: Mapping[str, int]) -> dict[str, Events]:
    """By name, in order. Names for which a sum had no room are counted as `other`, without their amounts."""
    counts, micros = dict[str, int](), dict[str, dict[str, int]]()
    for key, value in sums.items():
        kind, _, label = key.partition(".")
        if kind in ("events", "kpi"):
            counts[label] = counts.get(label, 0) + value
        elif kind in ("micros", "micros_high", "money", "money_high") and "." in label:
            name, _, currency = label.rpartition(".")
            known, factor = micros.setdefault(name, {}), PART if kind.endswith("_high") else 1
            known[currency] = known.get(currency, 0) + value * factor
    return {
        name: Events(count, dict(sorted(micros.get(name, {}).items())))
        for name, count in sorted(counts.items())
        if count
    }


def worth_of(rollup: Rollup) -> Shares:
    """In the minute of each event or rating: `kpi.<name>` counts events, and `micros.<name>.<currency>` adds them up
    (`events.` and `money.` for the standard ones); `ratings_`, `rating_sum_` and `satisfied_` are of the AI alone or of
    conversations that were handed over. In the minute of each exposure to an experiment: `csat.count`, `.total` and
    `.squares` of its arm."""
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
        count, money = ("events", "money") if kpi.name in STANDARD else ("kpi", "micros")
        high, low = parts_of(kpi.micros)
        yield subject, kpi.at_ms, f"{count}.{kpi.name}", 1
        yield subject, kpi.at_ms, f"{money}.{kpi.name}.{kpi.currency}", low
        yield subject, kpi.at_ms, f"{money}_high.{kpi.name}.{kpi.currency}", high
    rated = first_rating(moments)
    if rated is not None:
        yield from _rating(tenant, moments, *rated)


def _rating(tenant: str, moments: Moments, at_ms: int, rating: int) -> Iterator[tuple[Subject, int, str, int]]:
    """Of the AI alone where nobody had been asked for before it."""
    was_opened = any(since_ms <= at_ms for name, since_ms in moments.items() if name.startswith("opened."))
    by, subject = HANDED_OVER if was_opened else AI_ONLY, _booked_to(tenant, moments, at_ms)
    yield subject, at_ms, f"ratings_{by}", 1
    yield subject, at_ms, f"rating_sum_{by}", rating
    yield subject, at_ms, f"satisfied_{by}", int(rating >= SATISFIED_MIN)
    for exposure in exposures_in(moments):
        arm = Subject(tenant, "arm_ratings", version=exposure.version, experiment=exposure.experiment)
        yield arm, exposure.at_ms, "csat.count", 1
        yield arm, exposure.at_ms, "csat.total", rating
        yield arm, exposure.at_ms, "csat.squares", rating * rating


def _booked_to(tenant: str, moments: Moments, at_ms: int) -> Subject:
    """The version that served the conversation then; none, where none ever did."""
    workflow, version = served_by(moments, at_ms) or ("", "")
    return Subject(tenant, "worth", workflow, version)
