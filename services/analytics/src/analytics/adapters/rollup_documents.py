"""How is a rollup written as a document and read again?"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import cast

import orjson

from analytics.domain.cells import UNITS, Cell, Span, Subject
from analytics.domain.histogram import Histogram
from analytics.domain.listed_rows import found_by
from analytics.domain.rollup import Contribution, Posting, Rollup
from document_store.protocol import Body

DIMENSIONS = tuple(one.name for one in fields(Subject))
dimensions_of = attrgetter(*DIMENSIONS)


def write_rollup(rollup: Rollup) -> Body:
    """What is not searched for is one text each: a store looks at every value of a document, busy cells are written
    with each batch, and names of counts may hold dots, which fields may not."""
    listed = {"listed": found_by(rollup)} if rollup.cell.subject.family == "conversations" else {}
    return {
        **listed,
        **dict(zip(DIMENSIONS, dimensions_of(rollup.cell.subject), strict=True)),
        "span": rollup.cell.span,
        "start_ms": rollup.cell.start_ms,
        "counts": orjson.dumps(rollup.counts).decode(),
        "histograms": orjson.dumps(_pairs(rollup.histograms)).decode(),
        "moments": orjson.dumps(rollup.moments).decode(),
        "log": rollup.log,
        "floor": rollup.floor,
        "applied": " ".join(map(str, _steps(sorted(rollup.applied)))),
        **_postings(rollup),
    }


def read_rollup(body: Mapping[str, object]) -> Rollup:
    """What `write_rollup` wrote. Thousands are read for one answer, so nothing is validated that is our own."""
    return Rollup(
        cell=_cell(body),
        counts=orjson.loads(cast(str, body["counts"])),
        histograms=_histograms(body),
        moments=orjson.loads(cast(str, body["moments"])),
        log=cast(str, body["log"]),
        floor=cast(int, body["floor"]),
        applied=frozenset(_sums(map(int, cast(str, body["applied"]).split()))),
        postings=_read_postings(body),
    )


def read_moments(body: Mapping[str, object]) -> dict[str, int]:
    """The moments alone: 2 µs where the whole takes 50."""
    return cast(dict[str, int], orjson.loads(cast(str, body["moments"])))


def _postings(rollup: Rollup) -> Body:
    """None is a conversation of which no sum holds anything; only those and their units have any."""
    if rollup.cell.subject.family not in UNITS or rollup.postings is None:
        return {}
    rows = [
        (one.minute_ms, one.contribution.sequence, dimensions_of(one.contribution.subject), one.contribution.counts,
         _pairs(one.contribution.histograms))
        for one in rollup.postings
    ]  # fmt: skip
    return {"postings": orjson.dumps(rows).decode()}


def _read_postings(body: Mapping[str, object]) -> tuple[Posting, ...] | None:
    if body["family"] not in UNITS:
        return ()
    if "postings" not in body:
        return None
    return tuple(
        Posting(minute_ms, Contribution(sequence, Subject(*subject), counts, histograms=_of_pairs(histograms)))
        for minute_ms, sequence, subject, counts, histograms in orjson.loads(cast(str, body["postings"]))
    )


def read_figures(body: Mapping[str, object]) -> Rollup:
    """The same for an answer: without moments, and which messages are in it."""
    return Rollup(_cell(body), orjson.loads(cast(str, body["counts"])), _histograms(body))


def _cell(body: Mapping[str, object]) -> Cell:
    return Cell(_subject(body), cast(Span, body["span"]), cast(int, body["start_ms"]))


def _histograms(body: Mapping[str, object]) -> dict[str, Histogram]:
    return _of_pairs(orjson.loads(cast(str, body["histograms"])))


def _pairs(histograms: Mapping[str, Histogram]) -> dict[str, list[tuple[int, int]]]:
    return {name: list(one.items()) for name, one in histograms.items()}


def _of_pairs(histograms: Mapping[str, Iterable[tuple[int, int]]]) -> dict[str, Histogram]:
    return {name: dict(pairs) for name, pairs in histograms.items()}


def _subject(body: Mapping[str, object]) -> Subject:
    return Subject(*(body.get(name, "") for name in DIMENSIONS))  # type: ignore[arg-type]


def _steps(ascending: Iterable[int]) -> Iterable[int]:
    """The first number, then how far each is from the one before."""
    before = 0
    for number in ascending:
        yield number - before
        before = number


def _sums(steps: Iterable[int]) -> Iterable[int]:
    total = 0
    for step in steps:
        total += step
        yield total
