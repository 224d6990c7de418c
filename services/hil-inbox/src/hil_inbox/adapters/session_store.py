"""Where are sessions kept? By hash, so that the store lets nobody in."""

from dataclasses import dataclass

from document_store import DocumentStore, Equal, VersionConflict
from hil_inbox.adapters.remove_expired import remove_expired
from hil_inbox.domain.sessions import SEEN_EVERY_MS, Session
from http_gate.secret_text import hash_of

COLLECTION = "sessions"
ENDED_MAX = 1_000
"""Sessions of one person that are ended at once."""


@dataclass(frozen=True, slots=True)
class SessionStore:
    """Documents `sessions`, named by the hash of what the cookie holds."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        await self.store.ensure_index(COLLECTION, ("expires_ms",))
        await self.store.ensure_index(COLLECTION, ("tenant", "actor_id"))

    async def find(self, text: str) -> Session | None:
        """What is known of a session."""
        document = await self.store.get(COLLECTION, hash_of(text))
        return None if document is None else Session.model_validate(document.body)

    async def add(self, text: str, session: Session) -> None:
        """Keep a new one."""
        await self.store.put(COLLECTION, hash_of(text), session.model_dump(), expected_version=0)

    async def saw(self, text: str, *, now_ms: int) -> None:
        """Note its use, now and then. Another replica may have been first, or a logout."""
        document = await self.store.get(COLLECTION, hash_of(text))
        if document is None or now_ms - Session.model_validate(document.body).seen_ms < SEEN_EVERY_MS:
            return
        try:
            body = {**document.body, "seen_ms": now_ms}
            await self.store.put(COLLECTION, document.id, body, expected_version=document.version)
        except VersionConflict:
            return

    async def end(self, text: str) -> None:
        """Log out."""
        document = await self.store.get(COLLECTION, hash_of(text))
        if document is not None:
            await self.store.delete(COLLECTION, document.id, expected_version=document.version)

    async def end_all(self, tenant: str, actor_id: str) -> None:
        """Log a person out everywhere."""
        where = [Equal("tenant", tenant), Equal("actor_id", actor_id)]
        page = await self.store.find(COLLECTION, where, limit=ENDED_MAX)
        for document in page.documents:
            await self.store.delete(COLLECTION, document.id, expected_version=document.version)

    async def sweep(self, *, now_ms: int) -> None:
        """Remove what has expired, a bounded number at a time."""
        await remove_expired(self.store, COLLECTION, now_ms=now_ms)
