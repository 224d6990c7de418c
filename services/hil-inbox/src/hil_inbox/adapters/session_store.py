"""Where are sessions and one-time codes kept? By hash, so that the store lets nobody in."""

from dataclasses import dataclass

from document_store import Between, DocumentStore, Equal, VersionConflict
from hil_inbox.domain.sessions import SEEN_EVERY_MS, OneTimeCode, Session
from hil_inbox.domain.tokens import hash_of

SESSIONS, CODES = "sessions", "one_time_codes"
SWEPT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class SessionStore:
    """Documents `sessions` and `one_time_codes`."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        for collection in (SESSIONS, CODES):
            await self.store.ensure_index(collection, ("expires_ms",))
        await self.store.ensure_index(SESSIONS, ("tenant", "actor_id"))

    async def find(self, text: str) -> Session | None:
        """What is known of a session."""
        document = await self.store.get(SESSIONS, hash_of(text))
        return None if document is None else Session.model_validate(document.body)

    async def add(self, text: str, session: Session) -> None:
        """Keep a new one."""
        await self.store.put(SESSIONS, hash_of(text), session.model_dump(), expected_version=0)

    async def saw(self, text: str, *, now_ms: int) -> None:
        """Note its use, now and then. Another replica may have been first, or a logout."""
        document = await self.store.get(SESSIONS, hash_of(text))
        if document is None or now_ms - Session.model_validate(document.body).seen_ms < SEEN_EVERY_MS:
            return
        try:
            body = {**document.body, "seen_ms": now_ms}
            await self.store.put(SESSIONS, document.id, body, expected_version=document.version)
        except VersionConflict:
            return

    async def end(self, text: str) -> None:
        """Log out."""
        document = await self.store.get(SESSIONS, hash_of(text))
        if document is not None:
            await self.store.delete(SESSIONS, document.id, expected_version=document.version)

    async def end_all(self, tenant: str, actor_id: str) -> None:
        """Log a person out everywhere."""
        where = [Equal("tenant", tenant), Equal("actor_id", actor_id)]
        page = await self.store.find(SESSIONS, where, limit=SWEPT_MAX)
        for document in page.documents:
            await self.store.delete(SESSIONS, document.id, expected_version=document.version)

    async def add_code(self, text: str, code: OneTimeCode) -> None:
        """Keep a new one-time code."""
        await self.store.put(CODES, hash_of(text), code.model_dump(), expected_version=0)

    async def take_code(self, text: str, *, now_ms: int) -> OneTimeCode | None:
        """The code, if it is good; of all who bring it, one gets it."""
        document = await self.store.get(CODES, hash_of(text))
        if document is None or document.body.get("used"):
            return None
        try:
            body = {**document.body, "used": True}
            await self.store.put(CODES, document.id, body, expected_version=document.version)
        except VersionConflict:
            return None
        code = OneTimeCode.model_validate(document.body)
        return code if now_ms < code.expires_ms else None

    async def sweep(self, *, now_ms: int) -> None:
        """Remove what has expired, SWEPT_MAX of each kind at most."""
        for collection in (SESSIONS, CODES):
            page = await self.store.find(collection, [Between("expires_ms", below=now_ms)], limit=SWEPT_MAX)
            for document in page.documents:
                try:
                    await self.store.delete(collection, document.id, expected_version=document.version)
                except VersionConflict:
                    continue
