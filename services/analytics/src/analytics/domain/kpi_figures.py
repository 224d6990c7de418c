"""Which KPIs follow from the sums of a period, how sure are they, and how do they differ from another period's?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from analytics.domain.bootstrap import Blocks, Pairing, difference_interval, ratio, ratio_interval
from analytics.domain.cells import HOUR_MS
from analytics.domain.conversation_worth import AI_ONLY, HANDED_OVER, events_in
from analytics.domain.kpi_blocks import Sums, total_of
from analytics.domain.share import PART
from contracts.kpis import CONVERSION, RETENTION, REVENUE

NO_CURRENCY = "none"


@dataclass(frozen=True, slots=True)
class Events:
    """Business events of one name; sums in millionths by currency, `none` for what is no money. Names for which there
    was no room (`rollup.CLIENTS_NAMES_MAX`) are counted as `other`, without their amounts."""

    count: int
    sums_micros: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Csat:
    """Ratings of 1 to 5; satisfied are 4 and 5. No ratings: no mean."""

    ratings: int
    mean: float | None
    satisfied_share: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean or a share with its interval of 95 %; no interval where there is too little to tell."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class KpiFigures:
    """Sums are exact; rates are for one execution or, of ratings, one rating."""

    executions: int
    unaided: int
    time_saved_ms: int
    cost_microdollars: int
    cost_saved_microdollars: int
    revenue_micros: Mapping[str, int]
    events: Mapping[str, Events]
    csat: Mapping[str, Csat]
    rates: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first less the second. `is_clear`: the interval is all on one side of 0."""

    difference: float | None
    low: float | None
    high: float | None
    is_clear: bool


def kpi_figures(blocks: Sequence[Sums]) -> KpiFigures:
    """Of one period."""
    total = total_of(blocks)
    events = dict(sorted(_events(total)))
    revenue = events.get(REVENUE, Events(0, {}))
    return KpiFigures(
        executions=total.get("executions", 0),
        unaided=total.get("unaided", 0),
        time_saved_ms=total.get("time_saved_ms", 0),
        cost_microdollars=total.get("cost_microdollars", 0),
        cost_saved_microdollars=_hours(total.get("human_cost", 0)) - total.get("cost_microdollars", 0),
        revenue_micros={currency: sum_ for currency, sum_ in revenue.sums_micros.items() if currency != NO_CURRENCY},
        events=events,
        csat={by: _csat(total, by) for by in (AI_ONLY, HANDED_OVER)},
        rates={name: _estimate(_parts(blocks, rate)) for name, rate in _rates(total).items()},
    )


def differences(first: Sequence[Sums], second: Sequence[Sums], pairing: Pairing) -> dict[str, Difference]:
    """By rate. A currency that only one side has is 0 on the other."""
    rates = _rates(total_of([*first, *second]))
    return {name: _difference(_parts(first, rate), _parts(second, rate), pairing) for name, rate in rates.items()}


Rate = tuple[Callable[[Sums], float], Callable[[Sums], float]]
"""What is divided by what."""


def _rates(total: Sums) -> dict[str, Rate]:
    executions = _sum("executions")
    revenue = events_in(total).get(REVENUE)
    currencies = () if revenue is None else sorted(revenue.micros)
    return {
        "unaided_share": (_sum("unaided"), executions),
        "time_saved_ms_per_execution": (_sum("time_saved_ms"), executions),
        "cost_saved_microdollars_per_execution": (_cost_saved, executions),
        "conversions_per_execution": (_sum(f"events.{CONVERSION}"), executions),
        "retentions_per_execution": (_sum(f"events.{RETENTION}"), executions),
        **{
            f"revenue_micros_per_execution.{currency}": (_revenue(currency), executions)
            for currency in currencies
            if currency
        },
        **{f"csat_mean.{by}": (_sum(f"rating_sum_{by}"), _sum(f"ratings_{by}")) for by in (AI_ONLY, HANDED_OVER)},
    }


def _sum(name: str) -> Callable[[Sums], float]:
    return lambda sums: sums.get(name, 0)


def _revenue(currency: str) -> Callable[[Sums], float]:
    low, high = f"money.{REVENUE}.{currency}", f"money_high.{REVENUE}.{currency}"
    return lambda sums: sums.get(low, 0) + sums.get(high, 0) * PART


def _cost_saved(sums: Sums) -> float:
    return sums.get("human_cost", 0) / HOUR_MS - sums.get("cost_microdollars", 0)


def _hours(microdollar_milliseconds: int) -> int:
    """Micro-dollars, rounded once for the whole period."""
    return (microdollar_milliseconds + HOUR_MS // 2) // HOUR_MS


def _parts(blocks: Sequence[Sums], rate: Rate) -> Blocks:
    numerator, denominator = rate
    return [(numerator(block), denominator(block)) for block in blocks]


def _estimate(blocks: Blocks) -> Estimate:
    interval = ratio_interval(blocks)
    if interval is None:
        return Estimate(ratio(blocks), None, None)
    return Estimate(ratio(blocks), interval.low, interval.high)


def _difference(first: Blocks, second: Blocks, pairing: Pairing) -> Difference:
    one, other = ratio(first), ratio(second)
    if one is None or other is None:
        return Difference(None, None, None, is_clear=False)
    interval = difference_interval(first, second, pairing)
    if interval is None:
        return Difference(one - other, None, None, is_clear=False)
    return Difference(one - other, interval.low, interval.high, is_clear=interval.low > 0 or interval.high < 0)


def _events(total: Sums) -> Iterator[tuple[str, Events]]:
    for name, events in events_in(total).items():
        yield name, Events(events.count, {currency or NO_CURRENCY: sum_ for currency, sum_ in events.micros.items()})


def _csat(total: Sums, by: str) -> Csat:
    ratings = total.get(f"ratings_{by}", 0)
    if not ratings:
        return Csat(0, None, None)
    return Csat(ratings, total.get(f"rating_sum_{by}", 0) / ratings, total.get(f"satisfied_{by}", 0) / ratings)
