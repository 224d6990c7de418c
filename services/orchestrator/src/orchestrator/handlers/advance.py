"""An input came: fold it, decide, append fenced, until nothing is to be decided.

Any number of orchestrators may do this for one key at once; the fence lets one of them win each step (ARCHITECTURE 1).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from contracts.envelope import Identity, LogEntry, Message
from contracts.experiments import Split
from orchestrator.adapters.conversation_cache import Cached, ConversationCache
from orchestrator.adapters.timers import wake_subject
from orchestrator.domain.decide import Circumstances, Decided, Plan, decide, hashes_needed, names_needed
from orchestrator.domain.fold import fold, fold_all
from orchestrator.domain.state import Conversation
from orchestrator.domain.workflow import Workflow
from service_kit.archive import with_archived
from service_kit.bus import Delivery
from service_kit.key_timers import NOTHING, Armed
from service_kit.log import FenceRefused

log = structlog.get_logger()

DECISIONS_MAX = 500
"""Decisions that one input may lead to in a row; more is a loop, and our bug."""


class Log(Protocol):
    """Reads and appends; see service_kit.log."""

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]: ...

    async def append(
        self, message: Message, identity: Identity, *, fence: int, cancels_timer: str | None = None
    ) -> LogEntry: ...


class Timers(Protocol):
    """Keeps one timer a key; see service_kit.key_timers."""

    async def arm(self, tenant: str, key: str, *, due_ms: int, known: Armed) -> Armed: ...


class Workflows(Protocol):
    """Published versions; see adapters/workflow_registry.py."""

    def routes(self, tenant: str) -> Mapping[str | None, str]: ...

    def known(self, content_hash: str) -> Workflow | None: ...

    async def look_again(self, tenant: str, name: str | None) -> None: ...

    async def load(self, content_hash: str) -> Workflow | None: ...


class Archive(Protocol):
    """Closed logs; see service_kit.archive."""

    async def load(self, tenant: str, key: str) -> list[LogEntry]: ...


@dataclass(frozen=True, slots=True)
class Advancer:
    """What advancing needs. `reads_after_append`: on replicas an unfenced message may lie below an own decision, so
    the log is read up to it before the next one (ARCHITECTURE 1, rule 3)."""

    log: Log
    timers: Timers
    workflows: Workflows
    archive: Archive
    cache: ConversationCache
    now_ms: Callable[[], int]
    open_breakers: Callable[[], frozenset[str]]
    ai_stops: Callable[[str], Mapping[str, str]]
    experiments: Callable[[str], Mapping[str, Split]]
    reads_after_append: bool

    async def on_input(self, delivery: Delivery) -> None:
        """Handle one delivered input; returns once all decisions that follow from it are stored. The bus hands over the
        inputs of one key one after the other. A failure drops what is cached: it may lack an input."""
        try:
            await self._advance(await self._caught_up(delivery))
        except BaseException:
            self.cache.drop(delivery.subject.tenant, delivery.subject.key)
            raise

    async def _caught_up(self, delivery: Delivery) -> Cached:
        """The state with every message of the key up to the delivered one, without gaps (rule 1)."""
        entry, tenant, key = delivery.entry, delivery.subject.tenant, delivery.subject.key
        cached = self.cache.get(tenant, key)
        if cached is None:
            return Cached(await self._load(tenant, key, until=entry.sequence))
        state = cached.state
        if entry.sequence <= state.last_sequence or delivery.complete_from <= state.last_sequence + 1:
            return replace(cached, state=fold(state, entry))
        # From the end of the prefix on, that entry included: when it is gone, another orchestrator has archived the log
        # meanwhile, and what came after it may be gone too.
        known_end = state.last_sequence
        entries = await self.log.read(tenant, key, after=known_end - 1, until=entry.sequence)
        if not entries or entries[0].sequence != known_end:
            return Cached(await self._load(tenant, key, until=entry.sequence))
        return replace(cached, state=fold_all(state, entries[1:]))

    async def _load(self, tenant: str, key: str, *, until: int | None) -> Conversation:
        entries = await self.log.read(tenant, key, until=until)
        begins_here = any(_is_standalone(entry) for entry in entries[:1])
        archived = [] if begins_here else await self.archive.load(tenant, key)
        return fold_all(Conversation(tenant, key), with_archived(archived, entries))

    async def _advance(self, cached: Cached) -> None:
        for _ in range(DECISIONS_MAX):
            state = cached.state
            plan = await self._plan(state)
            if plan.wake_ms is not None:  # Before the decision that it guards (ARCHITECTURE 1, "Timers").
                known = _still_stored(cached.armed, state.woken)
                armed = await self.timers.arm(state.tenant, state.key, due_ms=plan.wake_ms, known=known)
                cached = replace(cached, armed=armed)
            if plan.decision is None:
                self._keep(cached)
                return
            try:
                cached = await self._append(cached, plan, plan.decision)
            except FenceRefused as refused:  # What came in between is read; the fence may even go down (rule 6).
                until = refused.last_sequence or state.last_sequence
                cached = Cached(await self._load(state.tenant, state.key, until=until))
                continue
            if plan.is_settled and not self.reads_after_append:
                self._keep(cached)
                return
        raise AssertionError(f"{cached.state.key}: {DECISIONS_MAX} decisions in a row")

    def _keep(self, cached: Cached) -> None:
        """Standalone executions that ended are not looked at again."""
        if cached.state.start is not None and cached.state.finished:
            self.cache.drop(cached.state.tenant, cached.state.key)
        else:
            self.cache.put(cached)

    async def _plan(self, state: Conversation) -> Plan:
        routes = self.workflows.routes(state.tenant)
        for name in [name for name in names_needed(state) if name not in routes]:
            await self.workflows.look_again(state.tenant, name)
            routes = self.workflows.routes(state.tenant)
        workflows: dict[str, Workflow] = {}
        experiments = self.experiments(state.tenant)
        for content_hash in hashes_needed(state, routes, experiments):
            found = self.workflows.known(content_hash) or await self.workflows.load(content_hash)
            if found is not None:
                workflows[content_hash] = found
        breakers, stops = self.open_breakers(), self.ai_stops(state.tenant)
        return decide(state, Circumstances(self.now_ms(), workflows, routes, breakers, stops, experiments))

    async def _append(self, cached: Cached, plan: Plan, decided: Decided) -> Cached:
        """Store the decision and fold it, and on replicas what lies below it. Raises FenceRefused."""
        state = cached.state
        identity = Identity(state.tenant, state.key, decided.id, decided.caused_by)
        cancels = wake_subject(state.tenant, state.key) if plan.is_last else None
        entry = await self.log.append(decided.message, identity, fence=state.last_sequence, cancels_timer=cancels)
        armed = NOTHING if plan.is_last else cached.armed
        if not self.reads_after_append:
            return Cached(fold(state, entry), armed)
        between = await self.log.read(state.tenant, state.key, after=state.last_sequence, until=entry.sequence)
        return Cached(fold_all(state, between), armed)


def _still_stored(armed: Armed, woken: int) -> Armed:
    """What is known of the timer. After a firing nothing is: the other orchestrator may have replaced the timer by an
    earlier one before that, and then have stored a later one or none."""
    return NOTHING if woken > armed.sequence else armed


def _is_standalone(entry: LogEntry) -> bool:
    return entry.message is not None and entry.message.route.name == "execution.start"
