"""Where is kept who did what, beside the facts of the log?"""

from collections.abc import Mapping
from dataclasses import dataclass

from document_store import Between, DocumentStore, Equal, Page, Sort, VersionConflict
from document_store.protocol import Condition, Direction

COLLECTION = "audit"
INDEXES = (("tenant", "at_ms"), ("tenant", "actor_id", "at_ms"), ("tenant", "key", "at_ms"))


@dataclass(frozen=True, slots=True)
class AuditStore:
    """Documents `audit`: facts by people (written by the projection), logins, denials and what admins do."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        for fields in INDEXES:
            await self.store.ensure_index(COLLECTION, fields)

    async def note(self, document_id: str, body: Mapping[str, object]) -> None:
        """Write one entry. The same id twice is one entry, so that a crowd of equal attempts stays small."""
        try:
            await self.store.put(COLLECTION, document_id, body, expected_version=0)
        except VersionConflict:
            return

    async def find(
        self, tenant: str, where: Mapping[str, str], *, since_ms: int, limit: int, cursor: str | None
    ) -> Page:
        """A page, newest first."""
        conditions: list[Condition] = [Equal("tenant", tenant), Between("at_ms", at_least=since_ms)]
        conditions += [Equal(field, value) for field, value in where.items()]
        sort = [Sort("at_ms", Direction.DESCENDING)]
        return await self.store.find(COLLECTION, conditions, sort=sort, limit=limit, cursor=cursor)
