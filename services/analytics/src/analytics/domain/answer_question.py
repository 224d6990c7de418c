"""What is the answer to a question about figures: one row for each bucket and each value of the dimensions?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from analytics.domain.cells import SPANS_MS, Family, Span
from analytics.domain.metric_catalogue import Value, metric_of, sums_of
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
    for rollup in rollups:
        if _is_asked_for(question, rollup):
            groups.setdefault(_group_of(question, rollup), []).append(rollup)
    rows = [_row(question, group, members) for group, members in sorted(groups.items())]
    if question.order is not None:
        rows = _ordered(rows, question.order, descending=question.descending)
    end = question.skip + question.limit
    return rows[question.skip : end], len(rows) > end


def _ordered(rows: list[Row], column: str, *, descending: bool) -> list[Row]:
    """Rows without a value come last, whichever way."""
    known = [row for row in rows if row[column] is not None]
    known.sort(key=lambda row: row[column], reverse=descending)  # type: ignore[arg-type,return-value]
    return known + [row for row in rows if row[column] is None]


def _is_asked_for(question: Question, rollup: Rollup) -> bool:
    subject = rollup.cell.subject
    return all(getattr(subject, name) in values for name, values in question.filters.items())


def _group_of(question: Question, rollup: Rollup) -> Group:
    length_ms = SPANS_MS[question.bucket] if question.bucket is not None else 0
    start_ms = rollup.cell.start_ms // length_ms * length_ms if length_ms else 0
    return start_ms, tuple(attrgetter(name)(rollup.cell.subject) for name in question.dimensions)


def _row(question: Question, group: Group, members: list[Rollup]) -> Row:
    start_ms, values = group
    sums = sums_of(members)
    row: Row = {"bucket_ms": start_ms} if question.bucket is not None else {}
    row |= dict(zip(question.dimensions, values, strict=True))
    for name in question.metrics:
        metric = metric_of(question.family, name)
        assert metric is not None, "questions are checked where they come in"
        row[name] = metric(sums)
    return row
