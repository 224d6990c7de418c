"""A customer is here: what is shown, as it happens, and what becomes of what is written?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from prometheus_client import Counter
from pydantic import JsonValue

from contracts.conversations import ConversationRated, MessageReceived
from contracts.envelope import Identity, LogEntry, Message, client_message_id, derive_message_id
from hil_inbox.domain.customer_view import (
    CustomerLine,
    RefusedTurn,
    Standing,
    fold_standing,
    public_name,
    seen,
    standing_of,
    stored_line,
)

LINES_MAX = 200
"""Lines of one answer, and how far behind a feed may begin."""
HEARTBEAT_SECONDS = 10.0

MESSAGES = Counter("hil_inbox_chat_messages_total", "Messages that customers wrote on the inbox's own page and API.")

EventName = Literal["message", "refused", "typing", "status", "heartbeat", "reset"]


class Log(Protocol):
    """The logs of all keys (service_kit.archive)."""

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]: ...


class Documents(Protocol):
    """The read model, as far as a customer needs it."""

    async def conversation(self, tenant: str, key: str) -> dict[str, object] | None: ...

    async def newest(
        self, tenant: str, key: str, *, after: int, until: int, limit: int
    ) -> tuple[list[dict[str, object]], bool]: ...

    async def place(self, tenant: str, handover_id: str) -> int | None: ...


class Ear(Protocol):
    """Hears that something was written or typed for one key."""

    async def wait(self, seconds: float) -> None: ...

    def should_look(self) -> bool: ...

    def has_typed(self) -> bool: ...

    def wake(self) -> None: ...


class Wakes(Protocol):
    """Listens to keys."""

    def listening(self, tenant: str, key: str) -> AbstractAsyncContextManager[Ear]: ...

    async def tell_typing(self, tenant: str, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a customer's feed; those with a sequence can be resumed after."""

    name: EventName
    body: dict[str, JsonValue]
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Caught:
    """All that was said after a place in the log. `has_earlier`: older lines were left out."""

    lines: list[CustomerLine | RefusedTurn]
    standing: Standing
    has_earlier: bool


@dataclass(frozen=True, slots=True)
class ChatDesk:
    """What the customer's side needs. `name_of` finds a person of the house by tenant and id."""

    log: Log
    documents: Documents
    wakes: Wakes
    publish: Callable[[Message, Identity], Awaitable[int]]
    name_of: Callable[[str, str], Awaitable[str | None]]
    now_ms: Callable[[], int]

    async def caught_up(self, tenant: str, key: str, *, after: int = 0, before: int = 2**53) -> Caught:
        """What was said with `after` < sequence < `before`: from the documents as far as they go, then from the log.

        So it is complete whatever was archived, and holds what was written a moment ago. Raises RetryLater."""
        body = await self.documents.conversation(tenant, key)
        standing = Standing() if body is None else standing_of(body)
        until = min(standing.sequence, before - 1)
        stored, has_earlier = await self.documents.newest(tenant, key, after=after, until=until, limit=LINES_MAX)
        lines = [line for line in map(stored_line, stored) if line is not None]
        newer: list[CustomerLine | RefusedTurn] = []
        for entry in await self.log.read(tenant, key, after=standing.sequence):
            standing = fold_standing(standing, entry)
            line = seen(entry)
            if line is not None and after < line.sequence < before:
                newer.append(line)
        return Caught([*lines, *newer], standing, has_earlier)

    async def shown(self, tenant: str, line: CustomerLine) -> dict[str, JsonValue]:
        """A line as JSON."""
        return {
            "id": line.id,
            "seq": line.sequence,
            "at_ms": line.at_ms,
            "author": line.author,
            "name": await self.name(tenant, line.author_id) if line.author == "human_agent" else None,
            "text": line.text,
            "turn_id": line.turn_id,
            "replayed": line.is_replayed,
            "notice": line.notice,
        }

    async def status(self, tenant: str, standing: Standing) -> dict[str, JsonValue]:
        """Who speaks, as JSON: `assistant`, `waiting` with the place in the queue, `person` with a name, `nobody`."""
        told: dict[str, JsonValue] = {"name": None, "place": None, "may_rate": standing.may_be_rated}
        if standing.owner_id is not None:
            return {**told, "speaker": "person", "name": await self.name(tenant, standing.owner_id)}
        if standing.handover_id is not None:
            return {**told, "speaker": "waiting", "place": await self.documents.place(tenant, standing.handover_id)}
        return {**told, "speaker": "nobody" if standing.is_closed else "assistant"}

    async def name(self, tenant: str, author_id: str | None) -> str | None:
        """The first name of a person of the house; their id is not for customers, it may be an address."""
        return None if author_id is None else public_name(await self.name_of(tenant, author_id))

    async def write(self, tenant: str, key: str, message: MessageReceived) -> int:
        """Publish what a customer wrote; its sequence, the first one's if it was written before. Raises RetryLater."""
        id_ = client_message_id(tenant, key, turn_id=message.turn_id, text=message.text)
        sequence = await self.publish(message, Identity(tenant, key, id_, message.turn_id))
        MESSAGES.inc()
        return sequence


async def rate(desk: ChatDesk, tenant: str, key: str, rating: ConversationRated) -> str | None:
    """Publish a rating of what a person ended last; None, or why it does not count: `not_asked`, `already_rated`.

    Of two at the same moment the id lets one count: it is derived from what is rated. Raises RetryLater."""
    standing = (await desk.caught_up(tenant, key, after=2**53)).standing
    if standing.resolved_id is None:
        return "not_asked"
    if not standing.may_be_rated:
        return "already_rated"
    fact = rating.model_copy(update={"handover_id": standing.resolved_id})
    id_ = derive_message_id(f"{tenant}/{key}/{standing.resolved_id}", rating.route.type)
    await desk.publish(fact, Identity(tenant, key, id_, standing.resolved_id))
    return None


async def follow(desk: ChatDesk, tenant: str, key: str, *, after: int, stop: asyncio.Event) -> AsyncIterator[Event]:
    """Every line after `after`, once and in order, with who speaks and who types, until `stop`.

    A feed that begins more than `LINES_MAX` lines behind ends at once with `reset`: read the messages again."""
    async with desk.wakes.listening(tenant, key) as ear, _woken_by(stop, ear):
        caught = await desk.caught_up(tenant, key, after=after)
        if caught.has_earlier:
            yield Event("reset", {"reason": f"more than {LINES_MAX} lines behind", "seq": caught.standing.sequence})
            return
        teller = _Teller(desk, tenant, caught.standing)
        for event in await teller.told(caught.lines):
            yield event
        while not stop.is_set():
            await ear.wait(HEARTBEAT_SECONDS)
            entries = []
            if ear.should_look():
                entries = await desk.log.read(tenant, key, after=teller.standing.sequence)
            for event in await teller.went_on(entries, has_typed=ear.has_typed()):
                yield event


@asynccontextmanager
async def _woken_by(stop: asyncio.Event, ear: Ear) -> AsyncIterator[None]:
    stopping = asyncio.create_task(stop.wait())
    stopping.add_done_callback(lambda _: ear.wake())
    try:
        yield
    finally:
        stopping.cancel()


@dataclass(slots=True)
class _Teller:
    """What one feed has told so far."""

    desk: ChatDesk
    tenant: str
    standing: Standing
    _ids: set[str] = field(default_factory=set)
    _status: dict[str, JsonValue] | None = None
    _works: bool = False
    _told_ms: int = 0

    async def told(self, lines: list[CustomerLine | RefusedTurn]) -> list[Event]:
        """Lines that were not told before, then what else changed."""
        events = []
        for line in lines:
            if isinstance(line, RefusedTurn):
                body: dict[str, JsonValue] = {"turn_id": line.turn_id, "reason": line.reason}
                events.append(Event("refused", body, line.sequence))
            elif line.id not in self._ids:  # The same message may be stored again later.
                self._ids.add(line.id)
                events.append(Event("message", await self.desk.shown(self.tenant, line), line.sequence))
        return events + await self._changes()

    async def went_on(self, entries: list[LogEntry], *, has_typed: bool) -> list[Event]:
        """What entries of the log and a pulse of typing lead to; a heartbeat if that is nothing."""
        for entry in entries:
            self.standing = fold_standing(self.standing, entry)
        events = await self.told([line for line in map(seen, entries) if line is not None])
        if has_typed and self.standing.owner_id is not None:
            name = await self.desk.name(self.tenant, self.standing.owner_id)
            events.append(Event("typing", {"author": "human_agent", "name": name, "is_typing": True}))
        now_ms = self.desk.now_ms()
        if not events and now_ms - self._told_ms >= HEARTBEAT_SECONDS * 900:
            events.append(Event("heartbeat", {"seq": self.standing.sequence, "now_ms": now_ms}))
        if events:
            self._told_ms = now_ms
        return events

    async def _changes(self) -> list[Event]:
        events = []
        status = await self.desk.status(self.tenant, self.standing)
        if status != self._status:
            self._status = status
            events.append(Event("status", status))
        works = self.standing.is_worked_on(self.desk.now_ms())
        if works != self._works:
            self._works = works
            events.append(Event("typing", {"author": "ai", "name": None, "is_typing": works}))
        return events
