"""How is a rollup written as a document and read again?"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import cast

import orjson

from analytics.domain.cells import Cell, Span, Subject
from analytics.domain.histogram import Histogram
from analytics.domain.listed_rows import found_by
from analytics.domain.rollup import Rollup
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
        "histograms": orjson.dumps({name: list(one.items()) for name, one in rollup.histograms.items()}).decode(),
        "moments": orjson.dumps(rollup.moments).decode(),
        "log": rollup.log,
        "floor": rollup.floor,
        "applied": " ".join(map(str, _steps(sorted(rollup.applied)))),
        **_worth(rollup),
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
    )


def read_moments(body: Mapping[str, object]) -> dict[str, int]:
    """The moments alone: 2 µs where the whole takes 50."""
    return cast(dict[str, int], orjson.loads(cast(str, body["moments"])))


def _worth(rollup: Rollup) -> Body:
    """When business events and ratings came of a conversation, so that those of a period are found among all."""
    times = [at_ms for name, at_ms in rollup.moments.items() if name.startswith(("kpi.", "rated."))]
    return {"worth_first_ms": min(times), "worth_last_ms": max(times)} if times else {}


def read_figures(body: Mapping[str, object]) -> Rollup:
    """The same for an answer: without moments, and which messages are in it."""
    return Rollup(_cell(body), orjson.loads(cast(str, body["counts"])), _histograms(body))


def _cell(body: Mapping[str, object]) -> Cell:
    return Cell(_subject(body), cast(Span, body["span"]), cast(int, body["start_ms"]))


def _histograms(body: Mapping[str, object]) -> dict[str, Histogram]:
    return {name: dict(pairs) for name, pairs in orjson.loads(cast(str, body["histograms"])).items()}


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
