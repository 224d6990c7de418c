"""How are closed logs counted that are not in the stream any more?"""

from bisect import bisect_right
from dataclasses import dataclass, field

from analytics.adapters.archived_logs import ArchivedLogs
from analytics.adapters.figure_store import FigureStore
from analytics.domain.generations import Archived, Build
from analytics.domain.rollup import Settled
from analytics.handlers.count_messages import Arrived, CountMessages
from contracts.envelope import LogEntry
from contracts.streams import ANALYTICS

BATCH_MESSAGES = 2_000


@dataclass(slots=True)
class CountArchive:
    """Logs come in the order of their names and each message gets the next number, so whoever goes on after a kill, or
    counts beside this process, gives the same message the same number, and it counts once."""

    logs: ArchivedLogs
    _names: dict[int, list[str]] = field(default_factory=dict)

    async def next_batch(self, build: Build, figures: FigureStore) -> Archived | None:
        """How far closed logs are counted after some more of them; None when there are no more. Raises RetryLater."""
        if build.number not in self._names:
            self._names = {build.number: await self.logs.names()}
        names = self._names[build.number]
        batch, place = list[Arrived](), build.archived
        for name in names[bisect_right(names, place.name) :]:
            if len(batch) >= BATCH_MESSAGES:
                break
            tenant, _, key = name.partition(".")
            entries = [
                entry for entry in await self.logs.only_archived(name) if isinstance(entry.message, ANALYTICS.types)
            ]
            batch += [
                Arrived(tenant, key, entry, number=number) for number, entry in enumerate(entries, place.messages + 1)
            ]
            place = Archived(name, place.messages + len(entries))
        if place == build.archived:
            return None
        await self._count(batch, figures, build)
        return place

    async def _count(self, batch: list[Arrived], figures: FigureStore, build: Build) -> None:
        async def settled() -> Settled:
            return Settled(f"archive of {build.number}", build.archived.messages, comes_first=True)

        await CountMessages(figures, settled, on_counted=_told_before).count(batch)


def _told_before(_: LogEntry) -> None:
    """Metrics of the process are of what happens while it runs."""
