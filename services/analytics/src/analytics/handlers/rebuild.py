"""How does a generation of figures come to be beside the one that serves, and take its place?"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import get_args

import structlog

from analytics.adapters.archived_logs import ArchivedLogs
from analytics.adapters.figure_store import OTHER_COLLECTIONS, FigureStore
from analytics.adapters.generation_consumers import LogOfServer
from analytics.adapters.generation_documents import GenerationDocuments
from analytics.domain.cells import COARSER, MINUTE_MS, Family
from analytics.domain.generations import (
    FORMAT,
    Build,
    Generations,
    Stage,
    begun_anew,
    changed,
    given_up,
    judged,
    losses_of,
    up_to_date,
    without,
)
from analytics.handlers.count_archive import CountArchive
from analytics.handlers.count_generations import Countings
from contracts.streams import ARCHIVER
from document_store import DocumentStore, VersionConflict
from service_kit.errors import RetryLater
from service_kit.telemetry import places_of

log = structlog.get_logger()

LOOK_SECONDS = 1.0
HOLD_MS, HOLD_AGAIN_MS = 600_000, 60_000
"""Archiving is held for so long, and held again after so long: it goes on by itself where a build is left alone."""
QUIET_SECONDS = ARCHIVER.ack_wait_seconds
"""What is being archived as that is held has come to its end."""
GRACE_MS = 60_000
"""A retired generation is removed when every replica has surely left it."""
SAME_BY_LESS = {coarser for coarser, _ in COARSER.values()}
COMPARED: tuple[Family, ...] = tuple(
    name for name in get_args(Family) if name not in OTHER_COLLECTIONS and name not in SAME_BY_LESS
)


@dataclass(slots=True)
class Rebuild:
    """Follows what the document of generations says, and takes a build on. Every replica may do each step: what is
    counted twice counts once, and of two that write the document one reads again."""

    store: DocumentStore
    countings: Countings
    archived: ArchivedLogs
    log: LogOfServer
    now_ms: Callable[[], int]
    _held_ms: int = 0
    _archive: CountArchive = field(init=False)
    _documents: GenerationDocuments = field(init=False)

    def __post_init__(self) -> None:
        self._archive, self._documents = CountArchive(self.archived), GenerationDocuments(self.store)

    async def begin(self) -> None:
        """Count what the document says, and ask for figures anew where those that serve are of an older format. Raises
        RetryLater."""
        known, version = await self._documents.load()
        if version == 0:
            is_new = not await FigureStore(self.store).has_any()
            with suppress(VersionConflict):
                await self._documents.save(replace(known, format=FORMAT) if is_new else known, 0)
        await self.countings.follow(await self._documents.change(partial(up_to_date, now_ms=self.now_ms())))

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, which ends the countings, too."""
        while not stop.is_set():
            if await self._tried() != "archive":
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
        self.countings.stop()

    async def _tried(self) -> Stage | None:
        """A bug of ours ends the build, not the service that answers meanwhile."""
        [outcome] = await asyncio.gather(self.step(), return_exceptions=True)
        if isinstance(outcome, RetryLater):
            log.info("rebuild.later", reason=str(outcome))
        elif isinstance(outcome, Exception):
            log.error("rebuild.bug", error=type(outcome).__name__, at=places_of(outcome))
            with suppress(RetryLater):
                await self._documents.change(partial(given_up, now_ms=self.now_ms()))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            return outcome
        return None

    async def step(self) -> Stage | None:
        """Follow, and take the build on; the stage that it is in then. Raises RetryLater."""
        known, version = await self._documents.load()
        await self.countings.follow(known)
        after = await self._without_retired(known)
        if after.building is not None:
            after = await self._taken_on(after, after.building)
        if after != known:
            await self._documents.save(after, version)
            await self.countings.follow(after)
            await self._tell(known, after)
        return None if after.building is None else after.building.stage

    async def _without_retired(self, known: Generations) -> Generations:
        for number, since_ms in known.retired.items():
            if self.now_ms() - since_ms > GRACE_MS:
                await self.log.remove_consumer(number)
                await FigureStore(self.store, number).remove()
                known = without(known, number)
        return known

    async def _taken_on(self, known: Generations, build: Build) -> Generations:
        if build.stage != "held" and self.now_ms() - self._held_ms > HOLD_AGAIN_MS:
            self._held_ms = self.now_ms()
            is_held = await self.archived.hold_archiving(until_ms=self._held_ms + HOLD_MS)
            await asyncio.sleep(QUIET_SECONDS if is_held and build.stage == "asked" else 0)
        match build.stage:
            case "asked":
                return changed(known, await self._begun(build))
            case "archive":
                return changed(known, await self._counted_archive(build))
            case "log":
                return await self._counted_log(known, build)
            case _:
                return judged(known, build, build.losses, now_ms=self.now_ms())

    async def _begun(self, build: Build) -> Build:
        await FigureStore(self.store, build.number).prepare()
        now_ms = self.now_ms() // MINUTE_MS * MINUTE_MS
        return replace(build, stage="archive", began_ms=now_ms, archive_state=await self.archived.state())

    async def _counted_archive(self, build: Build) -> Build:
        figures = FigureStore(self.store, build.number)
        await figures.prepare()
        counted = await self._archive.next_batch(build, figures)
        if counted is None:
            return replace(build, stage="log", log_through=await self.log.end())
        return replace(build, archived=counted)

    async def _counted_log(self, known: Generations, build: Build) -> Generations:
        serving, built = self.countings.running[known.serving], self.countings.running[build.number]
        through = max(build.log_through, (await serving.read_settled()).floor)
        build = replace(build, counted_through=(await built.read_settled()).floor)
        if not await self.log.is_counted(known.serving, build.log_through):
            return changed(known, build)
        if not await self.log.is_counted(build.number, through):
            return changed(known, build)
        if await self.archived.state() != build.archive_state:
            return begun_anew(known, now_ms=self.now_ms())
        before = await serving.figures.totals(COMPARED, until_ms=build.began_ms)
        after = await built.figures.totals(COMPARED, until_ms=build.began_ms)
        return judged(known, build, losses_of(before, after), now_ms=self.now_ms())

    async def _tell(self, before: Generations, after: Generations) -> None:
        """Let the archiver go on when no log is read any more, and say what happened."""
        was, is_ = (None if one.building is None else one.building.stage for one in (before, after))
        if was == is_:
            return
        if is_ in (None, "held"):
            await self.archived.release_archiving()
        if is_ in (None, "held", "asked"):
            self._held_ms = 0
        log.info("rebuild.stage", was=was, now=is_, serving=after.serving, building=after.newest)
