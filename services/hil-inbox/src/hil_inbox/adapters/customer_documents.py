"""Where does the customer's side find what was said before, and its place in the queue?"""

from dataclasses import dataclass

from document_store import Between, DocumentStore, Equal, Sort
from document_store.protocol import Condition, Direction
from hil_inbox.adapters.queue_store import QueueStore


@dataclass(frozen=True, slots=True)
class CustomerDocuments:
    """Reads the inbox's read model, one conversation at a time."""

    store: DocumentStore

    async def conversation(self, tenant: str, key: str) -> dict[str, object] | None:
        """Its document, complete through its `as_of_seq`."""
        document = await self.store.get("conversations", f"{tenant}/{key}")
        return None if document is None else document.body

    async def newest(
        self, tenant: str, key: str, *, after: int, until: int, limit: int
    ) -> tuple[list[dict[str, object]], bool]:
        """The newest lines with `after` < sequence <= `until`, oldest first; and whether there are older ones."""
        where: list[Condition] = [Equal("tenant", tenant), Equal("key", key), Between("seq", after + 1, until + 1)]
        page = await self.store.find("transcript", where, sort=[Sort("seq", Direction.DESCENDING)], limit=limit)
        return [document.body for document in reversed(page.documents)], page.next_cursor is not None

    async def place(self, tenant: str, handover_id: str) -> int | None:
        """At which place of its queue a handover waits; None once it does not wait."""
        return await QueueStore(self.store).place(tenant, handover_id)

    async def full_name(self, tenant: str, person_id: str) -> str | None:
        """Of somebody who works here."""
        person = await self.store.get("people", f"{tenant}/{person_id}")
        return None if person is None else str(person.body.get("name") or "") or None
