"""Each minute that is counted is looked at once: does a node meet an error far more often than it uses to?

As with alerts, a pattern is announced under an id that follows from its place and the minute before it is stored, and a
minute is marked when all of it is: who dies between looks at the minute again, finds the same, and says nothing new."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from analytics.adapters.figure_store import FigureStore
from analytics.adapters.pattern_documents import KeptPattern, PatternDocuments
from analytics.domain.failure_figures import examples_of, failing, tally_of
from analytics.domain.failure_patterns import (
    FAILURES_MIN,
    LONGEST_MS,
    Pattern,
    Place,
    base_period,
    judge,
    look_back,
    minutes_to_look_at,
)
from analytics.domain.rollup import Rollup
from document_store import Equal
from service_kit.errors import RetryLater

log = structlog.get_logger()

LOOK_SECONDS: Final = 2.0
EXAMPLES_MAX: Final = 5
PLACES_MAX: Final = 500
"""Places that are judged in a minute, those that fail most; that there were more is said."""
ROLLUPS_MAX: Final = 20_000
"""Of the errors of six hours, or of the nodes of one workflow; what has more is not judged, and that is said."""

Announce = Callable[[Place, Pattern, Sequence[str]], Awaitable[None]]
Read = Callable[[Place, int, int], Awaitable[list[Rollup]]]


@dataclass(slots=True)
class FindPatterns:
    """Looks for patterns as the log is counted."""

    figures: FigureStore
    patterns: PatternDocuments
    counted_through: Callable[[], Awaitable[int]]
    announce: Announce

    async def run(self) -> None:
        """Look for ever; what cannot be read or said now is tried again."""
        while True:
            try:
                await self.find(through_ms=await self.counted_through())
            except RetryLater as error:
                log.warning("patterns.looked_for_later", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def find(self, *, through_ms: int) -> None:
        """Through the last whole minute before `through_ms`. Raises RetryLater."""
        for ends_ms in minutes_to_look_at(await self.patterns.judged_ms(), counted_through_ms=through_ms):
            await self._look_at(ends_ms)
            await self.patterns.mark(ends_ms)

    async def _look_at(self, ends_ms: int) -> None:
        errors = await self.figures.errors(from_ms=ends_ms - LONGEST_MS, to_ms=ends_ms, at_most=ROLLUPS_MAX)
        if len(errors) > ROLLUPS_MAX:
            log.error("patterns.too_many_errors", limit=ROLLUPS_MAX)
        suspects = _suspects(failing(errors[:ROLLUPS_MAX]))
        known = await self.patterns.known(suspects)
        read = self._reader()
        for place in dict.fromkeys((*suspects, *(place for place, one in known.items() if one.pattern.is_open))):
            kept = known.get(place, KeptPattern(place))
            pattern, is_new = await self._judged(kept, read, ends_ms)
            if is_new:
                kept = replace(kept, examples=examples_of(place, errors, at_most=EXAMPLES_MAX))
                await self.announce(place, pattern, kept.examples)
            if pattern != kept.pattern:
                await self.patterns.save(replace(kept, pattern=pattern))

    async def _judged(self, kept: KeptPattern, read: Read, ends_ms: int) -> tuple[Pattern, bool]:
        looks = look_back(kept.pattern, ends_ms=ends_ms)
        found = {length_ms: await read(kept.place, from_ms, ends_ms) for length_ms, from_ms in looks.items()}
        base = await read(kept.place, *base_period(ends_ms))
        if any(len(rollups) > ROLLUPS_MAX for rollups in (base, *found.values())):
            log.error("patterns.too_many_figures", workflow=kept.place.workflow, limit=ROLLUPS_MAX)
            return kept.pattern, False
        seen = {length_ms: tally_of(kept.place, rollups) for length_ms, rollups in found.items()}
        return judge(kept.pattern, seen, tally_of(kept.place, base), ends_ms=ends_ms)

    def _reader(self) -> Read:
        """Reads the nodes of a workflow; each period once."""
        kept: dict[tuple[str, str, int, int], list[Rollup]] = {}

        async def read(place: Place, from_ms: int, to_ms: int) -> list[Rollup]:
            asked = (place.tenant, place.workflow, from_ms, to_ms)
            if asked not in kept:
                where = (Equal("tenant", place.tenant), Equal("workflow", place.workflow))
                kept[asked] = await self.figures.rollups(
                    ("nodes",), where, from_ms=from_ms, to_ms=to_ms, at_most=ROLLUPS_MAX
                )
            return kept[asked]

        return read


def _suspects(failures: Mapping[Place, int]) -> list[Place]:
    """Those that failed often enough to be judged, the worst first."""
    often = [place for place, count in failures.items() if count >= FAILURES_MIN]
    often.sort(key=lambda place: -failures[place])
    if len(often) > PLACES_MAX:
        log.error("patterns.too_many_places", places=len(often), limit=PLACES_MAX)
    return often[:PLACES_MAX]
