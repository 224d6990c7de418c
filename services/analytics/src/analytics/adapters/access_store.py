"""Where are tokens and sessions kept? By hash, so that the store lets nobody in."""

import secrets
from dataclasses import dataclass

from analytics.domain.tokens import Session, Token, Wanted, token_for
from document_store import Between, DocumentStore, Equal, Sort, VersionConflict
from http_gate.secret_text import SECRET_BYTES, hash_of, token_text

TOKENS, SESSIONS = "tokens", "sessions"
SHOWN_MAX = 1_000
SWEPT_MAX = 100


@dataclass(frozen=True, slots=True)
class AccessStore:
    """Documents `tokens` and `sessions`, named by the hash of what the caller brings."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        await self.store.ensure_index(TOKENS, ("created_ms",))
        await self.store.ensure_index(TOKENS, ("token_id",))
        await self.store.ensure_index(SESSIONS, ("expires_ms",))

    async def token(self, token_hash: str) -> Token | None:
        """What is known of the token with this hash."""
        found = await self.store.get(TOKENS, token_hash)
        return None if found is None else Token.model_validate(found.body)

    async def make_token(self, wanted: Wanted, *, now_ms: int) -> str:
        """The secret of a new token, which is seen this once."""
        text = token_text(secrets.token_bytes(SECRET_BYTES))
        await self.keep_token(text, wanted, now_ms=now_ms)
        return text

    async def keep_token(self, text: str, wanted: Wanted, *, now_ms: int) -> None:
        """Let this secret be a token, if it is none yet."""
        token = token_for(wanted, id_of(text), now_ms=now_ms)
        try:
            await self.store.put(TOKENS, hash_of(text), token.model_dump(mode="json"), expected_version=0)
        except VersionConflict:
            return

    async def tokens(self) -> list[Token]:
        """The first SHOWN_MAX, oldest first."""
        page = await self.store.find(TOKENS, sort=[Sort("created_ms")], limit=SHOWN_MAX)
        return [Token.model_validate(document.body) for document in page.documents]

    async def revoke(self, token_id: str, *, now_ms: int) -> Token | None:
        """End a token for good; None if there is none of this id. Raises VersionConflict."""
        page = await self.store.find(TOKENS, [Equal("token_id", token_id)], limit=1)
        for document in page.documents:
            token = Token.model_validate(document.body)
            if token.revoked_ms is None:
                token = token.model_copy(update={"revoked_ms": now_ms})
                body = token.model_dump(mode="json")
                await self.store.put(TOKENS, document.id, body, expected_version=document.version)
            return token
        return None

    async def session(self, text: str) -> Session | None:
        """What is known of a session."""
        found = await self.store.get(SESSIONS, hash_of(text))
        return None if found is None else Session.model_validate(found.body)

    async def open_session(self, session: Session, *, now_ms: int) -> str:
        """The text of a new session, for the browser's cookie. What has expired leaves the store on this occasion."""
        text = secrets.token_urlsafe(SECRET_BYTES)
        await self.store.put(SESSIONS, hash_of(text), session.model_dump(), expected_version=0)
        over = await self.store.find(SESSIONS, [Between("expires_ms", below=now_ms)], limit=SWEPT_MAX)
        for document in over.documents:
            await self._remove(document.id, document.version)
        return text

    async def end_session(self, text: str) -> None:
        """It lets nobody in any more."""
        found = await self.store.get(SESSIONS, hash_of(text))
        if found is not None:
            await self._remove(found.id, found.version)

    async def _remove(self, document_id: str, version: int) -> None:
        """Sessions are never changed: whoever was faster removed it, too."""
        await self.store.delete(SESSIONS, document_id, expected_version=version)


def id_of(text: str) -> str:
    """By which a token is named where it may be seen."""
    return hash_of(text)[:16]
