"""How is a rollup written as a document and read again?"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import cast

from analytics.domain.cells import Cell, Span, Subject
from analytics.domain.rollup import Rollup
from document_store.protocol import Body

DIMENSIONS = tuple(one.name for one in fields(Subject))
Pairs = list[tuple[str, int]]


def write_rollup(rollup: Rollup) -> Body:
    """Counts as pairs, because their names may hold dots."""
    return {
        **asdict(rollup.cell.subject),
        "span": rollup.cell.span,
        "start_ms": rollup.cell.start_ms,
        "counts": sorted([name, count] for name, count in rollup.counts.items()),
        "histograms": {
            name: sorted([bucket, count] for bucket, count in histogram.items())
            for name, histogram in sorted(rollup.histograms.items())
        },
        "moments": sorted([name, at_ms] for name, at_ms in rollup.moments.items()),
        "log": rollup.log,
        "floor": rollup.floor,
        "applied": sorted(rollup.applied),
    }


def read_rollup(body: Mapping[str, object]) -> Rollup:
    """What `write_rollup` wrote. Thousands are read for one answer, so nothing is validated that is our own."""
    histograms = cast(dict[str, list[tuple[int, int]]], body["histograms"])
    return Rollup(
        cell=Cell(_subject(body), cast(Span, body["span"]), cast(int, body["start_ms"])),
        counts=dict(cast(Pairs, body["counts"])),
        histograms={name: dict(pairs) for name, pairs in histograms.items()},
        moments=dict(cast(Pairs, body["moments"])),
        log=cast(str, body["log"]),
        floor=cast(int, body["floor"]),
        applied=frozenset(cast(list[int], body["applied"])),
    )


def _subject(body: Mapping[str, object]) -> Subject:
    return Subject(*(body[name] for name in DIMENSIONS))  # type: ignore[arg-type]
