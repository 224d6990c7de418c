"""What do promises, KPIs, experiments and evaluations look like in a report?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from pydantic import JsonValue

from hil.report.contents import Row, Table
from hil.report.figure_text import Number, Unit, number_of, unit_of, written

MICRO = 1_000_000
Answer = Mapping[str, JsonValue]


def promises(slos: Sequence[Row]) -> Table:
    """How they are kept now, whichever period the report is of: each has a window of its own."""
    head = ("SLO", "Workflow", "Objective", "Measured", "Events", "Window", "Budget left")
    cells = tuple(
        (
            str(row["slo"]),
            str(row["workflow"]),
            str(row["objective"]),
            written(number_of(row["measured"]), unit_of(str(row["objective"]).split(" ", 1)[0])),
            written(number_of(row["events"]), "count"),
            f"{(number_of(row['window_seconds']) or 0) / 86_400:.3g} d",
            written(number_of(row["budget_left"]), "percent"),
        )
        for row in slos
    )
    return Table("Promises, as they are kept now", head, cells, 3)


def kpis(answer: Answer) -> Table:
    """Of the period, and of the one before."""
    sides = [cast(Answer, cast(Answer, answer[name])["figures"]) for name in ("period", "against")]
    currencies = sorted({currency for side in sides for currency in cast(Mapping[str, int], side["revenue_micros"])})
    now, before = (_figures(side, currencies) for side in sides)
    rows = [(name, written(value, unit), written(before[name][0], unit)) for name, (value, unit) in now.items()]
    return Table("What it was worth", ("KPI", "Period", "Period before"), tuple(rows), 1)


def experiments(reports: Sequence[Answer], note: str = "") -> Table:
    """Each with its verdict, and why."""
    cells = tuple(
        (
            str(one["name"]),
            str(one["workflow"]),
            str(report["verdict"]),
            "; ".join(str(reason["text"]) for reason in cast(Sequence[Answer], report["reasons"])),
        )
        for one, report in ((cast(Answer, each["experiment"]), cast(Answer, each["report"])) for each in reports)
    )
    return Table("Experiments", ("Experiment", "Workflow", "Verdict", "Why"), cells, 4, note)


def evaluations(rows: Sequence[Row], note: str = "") -> Table:
    """How versions did on suites."""
    head = ("Suite", "Version", "Ended", "Verdict", "Trials", "Pass rate", "Cost", "p95 latency")
    return Table("Evaluations", head, tuple(tuple(_evaluation(row)) for row in rows), 4, note)


def runs_in(experiment: Row, from_ms: int, to_ms: int) -> bool:
    """Whether it was running at any time of the period."""
    stopped_ms = number_of(experiment.get("stopped_ms"))
    return (number_of(experiment["started_ms"]) or 0) < to_ms and (stopped_ms is None or stopped_ms >= from_ms)


def ended_ms(evaluation: Row) -> float:
    """When its last trial was over."""
    return number_of(evaluation["finished_ms"]) or 0


def _figures(figures: Answer, currencies: Sequence[str]) -> dict[str, tuple[Number, Unit]]:
    executions, unaided = number_of(figures["executions"]) or 0, number_of(figures["unaided"]) or 0
    found: dict[str, tuple[Number, Unit]] = {
        "Without a person": (unaided / executions if executions else None, "percent"),
        "Time saved": (number_of(figures["time_saved_ms"]), "ms"),
        "Cost saved": ((number_of(figures["cost_saved_microdollars"]) or 0) / MICRO, "usd"),
    }
    revenue = cast(Mapping[str, int], figures["revenue_micros"])
    for currency in currencies:
        found[f"Revenue, {currency}"] = (revenue.get(currency, 0) / MICRO, "usd" if currency == "USD" else "number")
    for by, csat in cast(Mapping[str, Answer], figures["csat"]).items():
        found[f"CSAT, {by.replace('_', ' ')}"] = (number_of(csat["mean"]), "number")
    return found


def _evaluation(row: Row) -> Iterator[str]:
    figures = cast(Answer, row["figures"])
    ended = datetime.fromtimestamp(ended_ms(row) / 1_000, UTC)
    yield f"{row['suite']}{' (replayed model)' if row['replayed'] else ''}"
    yield f"{row['workflow']} {row['version']}"
    yield f"{ended:%Y-%m-%d %H:%M}"
    yield str(row["verdict"]).replace("_", " ")
    yield written(number_of(row["trials"]), "count")
    yield written(number_of(figures.get("pass_rate")), "percent")
    yield written(number_of(figures.get("cost_per_request")), "usd")
    yield written(number_of(figures.get("p95_latency_ms")), "ms")
