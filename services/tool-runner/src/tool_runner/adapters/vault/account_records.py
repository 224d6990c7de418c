"""Where do accounts stand, with their tokens as ciphertext only?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from pydantic import SecretStr

from document_store import Document, DocumentStore, Equal, OneOf, VersionConflict
from tool_runner.adapters.vault.seal_tokens import Sealed, TokenSeal, fields_of, sealed_from
from tool_runner.domain.accounts import Account, AccountState, Connection, Tokens

COLLECTION = "connected_accounts"


@dataclass(frozen=True, slots=True)
class Record:
    """An account as it is stored; `version` is 0 before it is."""

    connection: Connection
    sealed: Sealed = field(repr=False)
    version: int = 0


@dataclass(frozen=True, slots=True)
class AccountRecords:
    """Documents with optimistic versions: who writes has seen what is there."""

    store: DocumentStore
    seal: TokenSeal

    async def prepare(self) -> None:
        """Declare what is searched for."""
        await self.store.ensure_index(COLLECTION, ["tenant", "entity"])
        await self.store.ensure_index(COLLECTION, ["key_id"])

    async def load(self, account: Account) -> Record | None:
        document = await self.store.get(COLLECTION, account.id)
        return None if document is None else _record(document, account)

    async def save(self, connection: Connection, sealed: Sealed, *, version: int) -> None:
        """Raises VersionConflict if somebody else has written since `version`."""
        body = _body(connection, sealed)
        await self.store.put(COLLECTION, connection.account.id, body, expected_version=version)

    async def delete(self, record: Record) -> None:
        """This version of it, or nothing. Raises VersionConflict if somebody else has written since."""
        await self.store.delete(COLLECTION, record.connection.account.id, expected_version=record.version)

    def sealed(self, account: Account, tokens: Tokens) -> Sealed:
        """What may be stored of them."""
        return self.seal.close(
            account, orjson.dumps({"access": _said(tokens.access), "refresh": _said(tokens.refresh)})
        )

    def opened(self, record: Record) -> Tokens:
        """Raises Unsealable, KeyMissing."""
        text: dict[str, str | None] = orjson.loads(self.seal.open(record.connection.account, record.sealed))
        refresh = text["refresh"]
        return Tokens(SecretStr(text["access"] or ""), None if refresh is None else SecretStr(refresh))

    async def listed(
        self, tenant: str, *, entity: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Connection], str | None]:
        """Accounts of a tenant, or of one entity, and where the next page begins."""
        where = [Equal("tenant", tenant)] + ([] if entity is None else [Equal("entity", entity)])
        page = await self.store.find(COLLECTION, where, limit=limit, cursor=cursor)
        return [_connection(document.body, _account(document.body)) for document in page.documents], page.next_cursor

    async def sealed_under(
        self, key_ids: Sequence[str], *, limit: int, cursor: str | None = None
    ) -> tuple[list[Record], str | None]:
        """Accounts whose tokens are sealed under one of these master keys, and where the next page begins."""
        page = await self.store.find(COLLECTION, [OneOf("key_id", key_ids)], limit=limit, cursor=cursor)
        return [_record(document, _account(document.body)) for document in page.documents], page.next_cursor

    async def wrap_again(self, record: Record) -> bool:
        """Under the newest master key; False if somebody else has written meanwhile. Raises Unsealable, KeyMissing."""
        sealed = self.seal.wrapped_again(record.connection.account, record.sealed)
        try:
            await self.save(record.connection, sealed, version=record.version)
        except VersionConflict:
            return False
        return True


def _said(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _body(connection: Connection, sealed: Sealed) -> dict[str, object]:
    account = connection.account
    return {
        "tenant": account.tenant,
        "entity": account.entity,
        "app": account.app,
        "state": connection.state.value,
        "generation": connection.generation,
        "connected_at_ms": connection.connected_at_ms,
        "expires_at_ms": connection.expires_at_ms,
        "refresh_at_ms": connection.refresh_at_ms,
        "scopes": list(connection.scopes),
        "reason": connection.reason,
        **fields_of(sealed),
    }


def _record(document: Document, account: Account) -> Record:
    """`account` is whom the caller asked for: a record that was moved here does not open for them."""
    return Record(_connection(document.body, account), sealed_from(document.body), document.version)


def _account(body: Mapping[str, object]) -> Account:
    return Account(str(body["tenant"]), str(body["entity"]), str(body["app"]))


def _connection(body: Mapping[str, object], account: Account) -> Connection:
    scopes = body["scopes"]
    return Connection(
        account,
        AccountState(str(body["state"])),
        int(str(body["generation"])),
        int(str(body["connected_at_ms"])),
        _number(body["expires_at_ms"]),
        _number(body["refresh_at_ms"]),
        tuple(map(str, scopes)) if isinstance(scopes, list) else (),
        str(body["reason"]),
    )


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))
