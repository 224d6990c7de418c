"""What stands in a report: which questions are asked, and which charts and tables are made of the answers?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from pydantic import JsonValue

from hil.report.chart import Data, Kind, Series, starts
from hil.report.figure_text import Number, Unit, number_of, unit_of, written

Row = Mapping[str, JsonValue]
Body = dict[str, JsonValue]
LENGTHS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
FIGURES = ("executions", "success_rate", "handover_rate", "p95_latency_ms", "cost_per_request", "cost_usd")
LABELS = {
    "p50_latency_ms": "p50 latency",
    "p95_latency_ms": "p95 latency",
    "cost_usd": "Cost",
    "cost_per_request": "Cost per execution",
    "cost_per_completion": "Cost per completion",
}
ROWS_MAX, BUCKET_ROWS_MAX = 50, 10_000


@dataclass(frozen=True, slots=True)
class Period:
    """Of whole buckets, in milliseconds; the words of a query for it."""

    from_ms: int
    to_ms: int
    bucket: str

    def times(self) -> dict[str, str]:
        """The last millisecond, since the service counts to the end of its minute."""
        return {"from": _rfc(self.from_ms), "to": _rfc(self.to_ms - 1)}


@dataclass(frozen=True, slots=True)
class Table:
    """Cells are texts; those of columns behind the first `names` are figures. `note`: what was left out."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A body of /v1/query without its period and filters."""

    figures: str
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    is_bucketed: bool = False

    def body(self, period: Period, filters: Mapping[str, str]) -> Body:
        """People are not counted by workflow."""
        kept = {name: [value] for name, value in filters.items() if name == "tenant" or self.figures != "people"}
        body: Body = {
            "figures": self.figures,
            "metrics": list(self.metrics),
            "dimensions": list(self.dimensions),
            "filters": cast(JsonValue, kept),
            "limit": BUCKET_ROWS_MAX if self.is_bucketed else ROWS_MAX,
        }
        if self.is_bucketed:
            return body | {"bucket": period.bucket}
        return body | ({"order_by": f"-{self.metrics[0]}"} if self.dimensions else {})


TOTAL = Question("executions", FIGURES)
OVER_TIME = Question("executions", ("executions", "successes", *FIGURES[1:], "p50_latency_ms"), is_bucketed=True)
TABLES = {
    "Workflows": Question("executions", FIGURES, ("workflow",)),
    "Versions": Question("executions", FIGURES, ("workflow", "version")),
    "Nodes": Question(
        "nodes", ("runs", "failures", "failure_rate", "p95_latency_ms", "cost_usd"), ("workflow", "node")
    ),
    "Models": Question(
        "completions", ("completions", "failure_rate", "p95_latency_ms", "cost_per_completion", "cost_usd"), ("model",)
    ),
    "Tools": Question("tools", ("calls", "failures", "failure_rate", "p95_latency_ms", "cost_usd"), ("tool",)),
    "People": Question("people", ("replies", "claims", "verdicts", "resolved", "returned"), ("person",)),
}
REASONS = Question("executions", ("counts",))


def tiles(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """(label, figure) of the whole period."""
    row = rows[0] if rows else {"executions": 0}
    return [(label_of(name), written(number_of(row.get(name)), unit_of(name))) for name in FIGURES]


def rows_of(answer: Row, name: str = "rows") -> Sequence[Row]:
    """What an answer lists."""
    return cast(Sequence[Row], answer[name])


def table(title: str, question: Question, answer: Row) -> Table:
    """As it was answered: the largest first."""
    head = tuple(map(label_of, (*question.dimensions, *question.metrics)))
    cells = tuple(
        (
            *(str(row[name] or "(none)") for name in question.dimensions),
            *(written(number_of(row[name]), unit_of(name)) for name in question.metrics),
        )
        for row in rows_of(answer)
    )
    note = f"The {len(cells)} with the most {question.metrics[0]}." if answer["is_cut"] else ""
    return Table(title, head, cells, len(question.dimensions), note)


def reasons(rows: Sequence[Row]) -> Table:
    """Why executions were handed over, the most frequent first."""
    counts = cast(Mapping[str, int], rows[0]["counts"]) if rows else {}
    found = {name.partition(".")[2]: count for name, count in counts.items() if name.startswith("handovers_by_reason.")}
    total = sum(found.values())
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    cells = tuple((name.replace("_", " "), f"{count:,}", written(count / total, "percent")) for name, count in ordered)
    return Table("Reasons of handovers", ("Reason", "Handovers", "Share"), cells, 1)


def charts(period: Period, rows: Sequence[Row]) -> list[Data]:
    """Of the answer to `OVER_TIME`; none of an empty period."""
    if not rows:
        return []
    lengths = starts(period.from_ms, period.to_ms, LENGTHS_MS[period.bucket])
    by_start = {cast(int, row["bucket_ms"]): row for row in rows}
    ends_ms = lengths[-1] + LENGTHS_MS[period.bucket]
    empty: Row = {"executions": 0, "successes": 0, "cost_usd": 0}

    def chart(title: str, unit: Unit, kind: Kind, lines: Mapping[str, Callable[[Row], Number]]) -> Data:
        found = [by_start.get(start_ms, empty) for start_ms in lengths]
        series = tuple(Series(name, tuple(of(row) for row in found)) for name, of in lines.items())
        return Data(title, unit, kind, tuple(lengths), ends_ms, series)

    return [
        chart("Executions", "count", "stack", {"Successful": _of("successes"), "Not successful": _failures}),
        chart("Success and handover", "percent", "lines", {name: _of(key) for name, key in _RATES.items()}),
        chart("Time to the end", "ms", "lines", {name: _of(key) for name, key in _LATENCIES.items()}),
        chart("Cost", "usd", "stack", {"Cost": _of("cost_usd")}),
    ]


_RATES = {"Success rate": "success_rate", "Handover rate": "handover_rate"}
_LATENCIES = {"p50": "p50_latency_ms", "p95": "p95_latency_ms"}


def label_of(name: str) -> str:
    """For the head of a column."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def _rfc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat()


def _of(name: str) -> Callable[[Row], Number]:
    return lambda row: number_of(row.get(name))


def _failures(row: Row) -> Number:
    return (number_of(row["executions"]) or 0) - (number_of(row["successes"]) or 0)
