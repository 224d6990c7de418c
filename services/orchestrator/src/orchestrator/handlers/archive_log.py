"""A log is closed: keep it as one file after a while, and take it out of the stream."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished
from orchestrator.domain.fold import fold_all
from orchestrator.domain.state import Conversation
from service_kit.archive import Archive, with_archived
from service_kit.bus import Delivery
from service_kit.errors import RetryLater
from service_kit.log import Log


@dataclass(frozen=True, slots=True)
class Archiver:
    """Closed logs come in the order in which they closed, one at a time, so waiting for the first is enough."""

    log: Log
    archive: Archive
    now_ms: Callable[[], int]
    after_ms: int
    forget: Callable[[str, str], None]

    async def on_closed(self, delivery: Delivery) -> None:
        """Archive the key of a `conversation.closed` or of a standalone `execution.finished`, once it is old enough
        and if nothing happened to it since."""
        message = delivery.message
        if isinstance(message, ExecutionFinished) and message.mode != "standalone":
            return
        left_ms = delivery.entry.timestamp_ms + self.after_ms - self.now_ms()
        if left_ms > 0:
            raise RetryLater("not old enough to archive", after=timedelta(milliseconds=min(left_ms, 3_600_000)))
        await self._archive(delivery.subject.tenant, delivery.subject.key, until=delivery.entry.sequence)

    async def _archive(self, tenant: str, key: str, *, until: int) -> None:
        live = await self.log.read(tenant, key)
        if not live or live[-1].sequence < until:
            return  # Archived before, by an earlier delivery of the same message.
        archived = await self.archive.load(tenant, key)
        entries = with_archived(archived, live)
        if len(live) == 1 and len(entries) == len(archived):
            return  # Stored and purged: the last message stays.
        if not is_over(tenant, key, entries):
            return
        if len(entries) > len(archived):
            await self.archive.store(tenant, key, entries)
        await self.archive.purge(tenant, key, live[-1].sequence)
        self.forget(tenant, key)


def is_over(tenant: str, key: str, entries: list[LogEntry]) -> bool:
    """Whether nothing is owed in this log."""
    state = fold_all(Conversation(tenant, key), entries)
    is_owed = bool(state.human_messages or state.announcements or state.suggestions)
    idle = state.execution is None and state.ai_speaks and not is_owed
    return idle and (state.is_closed or (state.start is not None and state.finished > 0))
