"""What is good once: codes that let a person in, and logins that are under way at an identity provider?"""

from collections.abc import Mapping
from dataclasses import dataclass

from document_store import DocumentStore, VersionConflict
from hil_inbox.adapters.remove_expired import remove_expired
from http_gate.secret_text import hash_of

COLLECTION = "one_time"


@dataclass(frozen=True, slots=True)
class OneTimeStore:
    """Documents `one_time`, named by the hash of the text that takes them; `kind` keeps the uses apart."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        await self.store.ensure_index(COLLECTION, ("expires_ms",))

    async def add(self, text: str, kind: str, body: Mapping[str, str], *, expires_ms: int) -> None:
        """Keep a new one."""
        full = {"kind": kind, "body": dict(body), "expires_ms": expires_ms, "used": False}
        await self.store.put(COLLECTION, hash_of(text), full, expected_version=0)

    async def take(self, text: str, kind: str, *, now_ms: int) -> dict[str, str] | None:
        """What was kept, if it is good; of all who bring the text, one gets it."""
        document = await self.store.get(COLLECTION, hash_of(text))
        if document is None or document.body["kind"] != kind or document.body["used"]:
            return None
        try:
            used = {**document.body, "used": True}
            await self.store.put(COLLECTION, document.id, used, expected_version=document.version)
        except VersionConflict:
            return None
        body = document.body["body"]
        assert isinstance(body, dict)
        return body if now_ms < int(str(document.body["expires_ms"])) else None

    async def sweep(self, *, now_ms: int) -> None:
        """Remove what has expired, a bounded number at a time."""
        await remove_expired(self.store, COLLECTION, now_ms=now_ms)
