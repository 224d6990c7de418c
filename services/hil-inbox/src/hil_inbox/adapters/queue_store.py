"""Which handovers wait, and who has which in hand, by the documents of the queue? Approvals stand there, too."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import cast

from document_store import Between, Condition, Document, DocumentStore, Equal, OneOf, Sort, all_pages
from hil_inbox.domain.assignment import QueueRow
from hil_inbox.domain.queue_position import ORDER, ahead_of

COLLECTION = "queue"
PAGE = 500
WAITING_MAX = 1_000
"""Most urgent handovers of a queue that one pass looks at."""
ASSIGNED_MAX = 20_000
"""Handovers of a tenant in people's hands that are counted."""
OWNED_MAX = 500
OWNERS_MAX = 500
IN_ORDER = tuple(map(Sort, ORDER))
PLACES_MAX = 1_000
"""Of each group of rows that are ahead; whoever is farther behind is told a place of at least so much."""


@dataclass(frozen=True, slots=True)
class Held:
    """Where a handover is: its conversation, and its epoch as the documents show it."""

    id: str
    key: str
    epoch: int
    owner_id: str | None
    is_waiting: bool
    row: QueueRow


@dataclass(frozen=True, slots=True)
class QueueStore:
    """Bounded reads of the collection `queue` (domain/queue_rows.py). Every call may raise StoreUnavailable."""

    store: DocumentStore

    async def get(self, tenant: str, handover_id: str) -> Held | None:
        """One row of this tenant."""
        document = await self.store.get(COLLECTION, handover_id)
        return None if document is None or document.body["tenant"] != tenant else _held(document)

    async def waiting(self, tenant: str, queue: str, *, at_most: int = WAITING_MAX) -> list[Held]:
        """The most urgent ones of a queue that nobody owns."""
        where = _in_queue(tenant, queue, Equal("state", "waiting"))
        return [_held(document) async for document in self._found(where, at_most=at_most)]

    async def waiting_count(self, tenant: str, queue: str) -> int:
        """How many handovers wait in a queue, 10,000 at most."""
        where = _in_queue(tenant, queue, Equal("state", "waiting"))
        return await self.store.count(COLLECTION, where)

    async def place(self, tenant: str, handover_id: str) -> int | None:
        """At which place of its queue a handover waits, 1 being next; None when it does not wait. People may still
        choose others. Rows that are alike in all of `ORDER` share a place."""
        held = await self.get(tenant, handover_id)
        if held is None or not held.is_waiting:
            return None
        ahead = 0
        for group in ahead_of(held.row.place):
            alike = (Equal(field, value) for field, value in group.equal)
            before = Between(group.field, below=group.below)
            where = _in_queue(tenant, held.row.queue, Equal("state", "waiting"), *alike, before)
            ahead += await self.store.count(COLLECTION, where, at_most=PLACES_MAX)
        return 1 + ahead

    async def in_hand(self, tenant: str) -> dict[str, set[str]]:
        """Handovers by their owners; snoozed ones are in nobody's hands."""
        where = [Equal("tenant", tenant), Equal("kind", "handover"), Equal("state", "assigned")]
        owned: dict[str, set[str]] = {}
        async for document in self._found(where, at_most=ASSIGNED_MAX):
            owned.setdefault(str(document.body["owner_id"]), set()).add(document.id)
        return owned

    async def load_of(self, tenant: str, owner: str) -> int:
        """How many one person has in hand."""
        where = [Equal("tenant", tenant), Equal("owner_id", owner), Equal("state", "assigned")]
        return await self.store.count(COLLECTION, where)

    async def oldest_ms(self, tenant: str, queue: str) -> int | None:
        """Since when the one waits that has waited for longest in a queue."""
        where = _in_queue(tenant, queue, Equal("state", "waiting"))
        page = await self.store.find(COLLECTION, where, sort=(Sort("opened_ms"),), limit=1)
        return _number(page.documents[0].body["opened_ms"]) if page.documents else None

    async def owned_by(self, tenant: str, owners: Sequence[str]) -> list[Held]:
        """What these people (OWNERS_MAX at most) own, snoozed or not; the most urgent OWNED_MAX."""
        where: list[Condition] = [
            Equal("tenant", tenant),
            OneOf("owner_id", owners),
            OneOf("state", ("assigned", "snoozed")),
        ]
        return [_held(document) async for document in self._found(where, at_most=OWNED_MAX)]

    async def breached_count(self, tenant: str, queue: str, *, now_ms: int) -> int:
        """Open handovers of a queue that are overdue."""
        where = _in_queue(tenant, queue, OneOf("state", ("waiting", "assigned")), Between("due_ms", below=now_ms))
        return await self.store.count(COLLECTION, where)

    async def assigned_count(self, tenant: str, queue: str) -> int:
        """Handovers of a queue in people's hands."""
        where = _in_queue(tenant, queue, Equal("state", "assigned"))
        return await self.store.count(COLLECTION, where)

    async def approvals_count(self, tenant: str, queue: str) -> int:
        """Approvals of a queue that wait for a verdict, 10,000 at most."""
        return await self.store.count(COLLECTION, _in_queue(tenant, queue, Equal("state", "waiting"), kind="approval"))

    async def _found(self, where: Sequence[Condition], *, at_most: int) -> AsyncIterator[Document]:
        left = at_most
        async for documents in all_pages(self.store, COLLECTION, where, sort=IN_ORDER, size=min(PAGE, at_most)):
            for document in documents[:left]:
                yield document
            left -= len(documents)
            if left <= 0:
                return


def _in_queue(tenant: str, queue: str, *conditions: Condition, kind: str = "handover") -> list[Condition]:
    return [Equal("tenant", tenant), Equal("queue", queue), Equal("kind", kind), *conditions]


def _held(document: Document) -> Held:
    body = document.body
    taken_from, released_ms = body.get("taken_from"), body.get("released_ms")
    row = QueueRow(
        id=document.id,
        queue=str(body["queue"]),
        team=cast("str | None", body["team"]),
        skills=frozenset(cast("list[str]", body["skills"])),
        language=cast("str | None", body.get("language")),
        due_ms=_number(body["due_ms"]),
        rank=_number(body["rank"]),
        opened_ms=_number(body["opened_ms"]),
        taken_from=cast("str | None", taken_from),
        released_ms=0 if released_ms is None else _number(released_ms),
    )
    return Held(
        id=document.id,
        key=str(body["key"]),
        epoch=_number(body["epoch"]),
        owner_id=cast("str | None", body["owner_id"]),
        is_waiting=body["state"] == "waiting",
        row=row,
    )


def _number(value: object) -> int:
    return int(cast(int, value))
