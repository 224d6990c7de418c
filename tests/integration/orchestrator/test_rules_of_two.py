"""What one orchestrator believes of a key while another one works on it: its timer, its prefix, its own decisions."""

from dataclasses import dataclass, field, replace

from contracts.completions import CompletionProduced
from contracts.conversations import MessageReceived
from contracts.envelope import Identity, LogEntry, Message
from contracts.executions import ExecutionFinished, TimerFired
from orchestrator.handlers.advance import Advancer
from service_kit.key_timers import NOTHING, Armed
from tests.integration.orchestrator.test_rules import advancer, begun, delivery, produced, requests
from tests.support.racing_log import NotedTimers, RacingLog


@dataclass
class Believed(NotedTimers):
    """Notes what the caller believed to be stored."""

    beliefs: list[Armed] = field(default_factory=list)

    async def arm(self, tenant: str, key: str, *, due_ms: int, known: Armed) -> Armed:
        self.beliefs.append(known)
        return await super().arm(tenant, key, due_ms=due_ms, known=known)


async def test_nothing_is_known_of_a_timer_once_an_earlier_one_of_the_other_orchestrator_fired() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)
    cached = core.cache.get("acme", "e1")
    assert cached is not None and cached.armed.due_ms is not None
    # The other orchestrator replaced it by an earlier one; that fired, and now a later one is stored, or none.
    log.store(TimerFired(), id="fired")
    assert log.entries[-1].timestamp_ms < cached.armed.due_ms
    timers = Believed(log.events)
    message, identity = produced(log, "left")
    await replace(core, timers=timers).on_input(delivery(log.store(message, id=identity)))
    assert timers.beliefs[0] == NOTHING


async def test_nothing_is_known_of_a_timer_once_a_decision_was_refused() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)
    for node in ("left", "right"):
        message, identity = produced(log, node)
        entry = log.store(message, id=identity)
    log.store(CompletionProduced(command_id="?", node="?"), id="stray")  # After what was delivered: a refusal.
    timers = Believed(log.events)
    await replace(core, timers=timers).on_input(delivery(entry))
    assert "both" in requests(log)
    assert timers.beliefs[-1] == NOTHING, "a decision of another orchestrator may have cancelled the timer"


async def test_a_log_that_another_orchestrator_archived_meanwhile_is_read_from_the_archive() -> None:
    log = RacingLog()
    core, other = advancer(log), advancer(log)
    await answered(log, core, "1")
    await answered(log, other, "2")
    await answered(log, other, "3")
    purged = Purged(log)

    class Archived:
        async def load(self, tenant: str, key: str) -> list[LogEntry]:
            return purged.archived

    again = log.store(MessageReceived(turn_id="2", text="hi"), id="turn 2 under another id")
    await replace(core, log=purged, archive=Archived()).on_input(delivery(again))
    assert log.entries[-1] is again, "a turn that is in the archive was answered twice"


async def answered(log: RacingLog, core: Advancer, turn_id: str) -> None:
    """A turn from its message to its end, handled by one orchestrator."""
    await core.on_input(delivery(log.store(MessageReceived(turn_id=turn_id, text="hi"), id=f"turn {turn_id}")))
    for node in ("left", "right", "both"):
        message, identity = produced(log, node)
        await core.on_input(delivery(log.store(message, id=identity)))
    assert isinstance(log.entries[-1].message, ExecutionFinished)


@dataclass
class Purged:
    """The log after archiving: of what was there only the last message is left."""

    log: RacingLog
    archived: list[LogEntry] = field(init=False)

    def __post_init__(self) -> None:
        self.archived = list(self.log.entries)

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]:
        kept = self.archived[-1].sequence
        return [entry for entry in await self.log.read(tenant, key, after=after, until=until) if entry.sequence >= kept]

    async def append(
        self, message: Message, identity: Identity, *, fence: int, cancels_timer: str | None = None
    ) -> LogEntry:
        return await self.log.append(message, identity, fence=fence, cancels_timer=cancels_timer)
