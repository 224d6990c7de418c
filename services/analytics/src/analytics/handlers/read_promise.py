"""Which figures does a promise of a workflow take, and how many may they be?"""

from collections.abc import Sequence

from analytics.adapters.figure_store import FigureStore
from analytics.domain.judge_minute import Stretch, promised
from analytics.domain.measure_ratings import measure_ratings
from analytics.domain.measurement import Measurement
from analytics.domain.rollup import Rollup
from document_store import Equal


async def read_rollups(
    figures: FigureStore, tenant: str, workflow: str, stretches: Sequence[Stretch], *, at_most: int
) -> list[Rollup] | None:
    """Those of the stretches that promises are about; None where one of them has more than `at_most`."""
    where = (Equal("tenant", tenant), Equal("workflow", workflow))
    found: list[Rollup] = []
    for one in stretches:
        some = await figures.rollups(
            ("executions",), where, from_ms=one.from_ms, to_ms=one.to_ms, at_most=at_most, spans=one.spans
        )
        if len(some) > at_most:
            return None
        found += some
    return promised(found)


async def read_ratings(
    figures: FigureStore, tenant: str, workflow: str, window: Stretch, *, at_most: int
) -> Measurement | None:
    """None where the window has more than `at_most` sums of ratings, or where not all are counted yet."""
    if not figures.is_complete:
        return None
    where = (Equal("tenant", tenant), Equal("workflow", workflow))
    found = await figures.rollups(
        ("worth",), where, from_ms=window.from_ms, to_ms=window.to_ms, at_most=at_most, spans=window.spans
    )
    return None if len(found) > at_most else measure_ratings(found)
