"""What is the answer to a question about figures: one row for each bucket and each value of the dimensions?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from analytics.domain.cells import SPANS_MS, Family, Span
from analytics.domain.metric_catalogue import Metric, Sums, Value, metric_of, sums_of
from analytics.domain.rollup import Rollup

Row = dict[str, Value | str]
Group = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """Metrics and dimensions are those of the family (metric_catalogue.py). `bucket` None: one for the whole period.
    `order` is a column of the rows; without one, rows follow bucket and dimensions."""

    family: Family
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    bucket: Span | None = None
    order: str | None = None
    descending: bool = False
    limit: int = 100
    skip: int = 0

    @property
    def needed(self) -> frozenset[str]:
        """Dimensions that rollups must have."""
        return frozenset(self.dimensions) | self.filters.keys()

    @property
    def spans(self) -> tuple[Span, ...]:
        """Which cells may be read: none that is longer than a bucket."""
        longest = SPANS_MS[self.bucket] if self.bucket is not None else max(SPANS_MS.values())
        return tuple(span for span, length_ms in SPANS_MS.items() if length_ms <= longest)


def answer(question: Question, rollups: Iterable[Rollup]) -> tuple[list[Row], bool]:
    """The rows behind the first `skip`, at most `limit`, and whether there were more."""
    groups: dict[Group, list[Rollup]] = {}
    length_ms = SPANS_MS[question.bucket] if question.bucket is not None else 0
    values_of = [attrgetter(name) for name in question.dimensions]
    filters = [(attrgetter(name), values) for name, values in question.filters.items()]
    for rollup in rollups:  # Thousands: no generator is made for each.
        if all([value_of(rollup.cell.subject) in values for value_of, values in filters]):
            start_ms = rollup.cell.start_ms // length_ms * length_ms if length_ms else 0
            group = start_ms, tuple([value_of(rollup.cell.subject) for value_of in values_of])
            groups.setdefault(group, []).append(rollup)
    metrics = {name: _metric(question, name) for name in question.metrics}
    rows = [_row(question, group, sums_of(groups[group]), metrics) for group in sorted(groups)]
    if question.order is not None:
        rows = _ordered(rows, question.order, descending=question.descending)
    end = question.skip + question.limit
    return rows[question.skip : end], len(rows) > end


def _ordered(rows: list[Row], column: str, *, descending: bool) -> list[Row]:
    """Rows without a value come last, whichever way."""
    known = [row for row in rows if row[column] is not None]
    known.sort(key=lambda row: row[column], reverse=descending)  # type: ignore[arg-type,return-value]
    return known + [row for row in rows if row[column] is None]


def _metric(question: Question, name: str) -> Metric:
    metric = metric_of(question.family, name)
    assert metric is not None, "questions are checked where they come in"
    return metric


def _row(question: Question, group: Group, sums: Sums, metrics: Mapping[str, Metric]) -> Row:
    start_ms, values = group
    row: Row = {"bucket_ms": start_ms} if question.bucket is not None else {}
    row |= zip(question.dimensions, values, strict=True)
    for name, metric in metrics.items():
        row[name] = metric(sums)
    return row
