"""Where are API tokens kept? By hash, so that the store tells none of them."""

from dataclasses import dataclass

from document_store import DocumentStore, Equal, Sort
from hil_inbox.domain.tokens import Token
from http_gate.secret_text import hash_of

COLLECTION = "tokens"
SHOWN_MAX = 1_000


@dataclass(frozen=True, slots=True)
class TokenStore:
    """Documents `tokens`, named by the token's hash, which makes them unique."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        await self.store.ensure_index(COLLECTION, ("tenant", "created_ms"))
        await self.store.ensure_index(COLLECTION, ("tenant", "token_id"))

    async def find(self, text: str) -> Token | None:
        """What is known of a token."""
        document = await self.store.get(COLLECTION, hash_of(text))
        return None if document is None else Token.model_validate(document.body)

    async def add(self, text: str, token: Token) -> None:
        """Keep a new one."""
        await self.store.put(COLLECTION, hash_of(text), token.model_dump(mode="json"), expected_version=0)

    async def of_tenant(self, tenant: str) -> list[Token]:
        """The first SHOWN_MAX of a tenant, oldest first."""
        where, sort = [Equal("tenant", tenant)], [Sort("created_ms")]
        page = await self.store.find(COLLECTION, where, sort=sort, limit=SHOWN_MAX)
        return [Token.model_validate(document.body) for document in page.documents]

    async def revoke(self, tenant: str, token_id: str, *, now_ms: int) -> Token | None:
        """End a token of this tenant for good; None if there is none of this id. Raises VersionConflict."""
        where = [Equal("tenant", tenant), Equal("token_id", token_id)]
        page = await self.store.find(COLLECTION, where, limit=1)
        if not page.documents:
            return None
        [document] = page.documents
        token = Token.model_validate(document.body)
        if token.revoked_ms is None:
            token = token.model_copy(update={"revoked_ms": now_ms})
            body = token.model_dump(mode="json")
            await self.store.put(COLLECTION, document.id, body, expected_version=document.version)
        return token
