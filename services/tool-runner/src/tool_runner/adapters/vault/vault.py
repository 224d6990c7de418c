"""How does an entity's account get connected, used and disconnected?"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import structlog
from pydantic import SecretStr

from document_store import VersionConflict
from service_kit.errors import RetryLater
from tool_runner.adapters.vault.account_records import AccountRecords, Record
from tool_runner.adapters.vault.oauth_redis import PendingConnections
from tool_runner.adapters.vault.refresh_tokens import ClientRefused, Refresher
from tool_runner.adapters.vault.seal_tokens import KeyMissing, Unsealable
from tool_runner.adapters.vault.token_endpoint import TokenEndpoint
from tool_runner.domain.accounts import (
    Account,
    AccountState,
    App,
    Connection,
    Credentials,
    Missing,
    NotConnected,
    OAuthClient,
    Tokens,
    connected,
    missing_of,
    share_a_token,
)
from tool_runner.domain.oauth import (
    Callback,
    CallbackRefused,
    Pending,
    TokenRefused,
    authorization_url,
    code_of,
)

SAVE_TRIES_MAX = 5
STATE_REFUSED = (
    "state: is unknown, used, older than ten minutes or than the account's last disconnection, or another app's; "
    "start the connection again"
)
log = structlog.get_logger()


class Ended(Exception):
    """The account was disconnected after this connection of it had been started."""


@dataclass(frozen=True, slots=True)
class Started:
    """A connection waits for its owner. The URL is for nobody else: who opens it gives the entity their own account."""

    url: str = field(repr=False)
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The account is used no more. `unconfirmed` says why its server did not say that the tokens are void."""

    unconfirmed: str | None = None


@dataclass(frozen=True, slots=True)
class Vault:
    """Connected accounts of all entities. What it gives out in headers never goes to models, logs or traces."""

    apps: Mapping[str, App]
    records: AccountRecords
    pending: PendingConnections
    refresher: Refresher
    endpoint: TokenEndpoint
    callback_url: str
    now_ms: Callable[[], int]

    async def credentials_for(self, tenant: str, entity: str, app: str) -> Credentials | NotConnected:
        """What a call of a tool of `app` carries for this entity, refreshed first where it must be. Raises RetryLater
        while store, Redis or the app's server are away and no token works without them; KeyError for an app that the
        manifest does not declare."""
        return await self._given(Account(tenant, entity, app), self._usable)

    async def headers_after_refusal(
        self, account: Account, refused: Mapping[str, str]
    ) -> Mapping[str, str] | NotConnected | None:
        """What a call carries instead of headers that the tool's server refuses although they should still be good:
        those that the account has got meanwhile, else new ones from the app's server. None where there are no others:
        a static key, a token that cannot be refreshed, or one that is new itself. Raises as
        `credentials_for`."""
        found = await self._given(account, partial(self._other, refused=refused))
        if isinstance(found, NotConnected):
            return found
        return None if found.headers == refused else found.headers

    async def _given(
        self, account: Account, find: Callable[[Account], Awaitable[Record | Missing]]
    ) -> Credentials | NotConnected:
        """What is in the record that `find` finds, or why there is nothing to call with."""
        app, declared = account.app, self.apps[account.app]
        try:
            found = await find(account)
            if isinstance(found, Record):
                headers = declared.headers(self.records.opened(found).access)
                return Credentials(headers, found.connection.connected_at_ms)
        except ClientRefused:
            found = Missing.CLIENT_REFUSED
        except KeyMissing as error:
            raise RetryLater(str(error), after=timedelta(seconds=5)) from None
        except Unsealable:
            log.error("account.unreadable", app=app, tenant=account.tenant)
            found = Missing.NEEDS_RECONNECT
        return NotConnected(app, found, declared.connect_page)

    async def start(self, account: Account, client: OAuthClient) -> Started:
        """Raises RetryLater."""
        state, pending = await self.pending.start(account, f"{self.callback_url}/{account.app}")
        return Started(authorization_url(client, pending, state), pending.expires_at_ms)

    async def finish(self, app: str, state: str, callback: Callback) -> Connection | CallbackRefused:
        """What the browser brought back to the address of `app`: the state is used up, whatever comes of it. A server
        that sends the owner on to another app's server does not get that one's code; a disconnection ends what was
        started before it. Raises RetryLater."""
        pending = await self.pending.take(state)
        declared = self.apps.get(app)
        if pending is None or pending.account.app != app or declared is None or declared.oauth is None:
            return CallbackRefused(STATE_REFUSED)
        code = code_of(callback, declared.oauth)
        if isinstance(code, CallbackRefused):
            return code
        return await self._exchanged(declared.oauth, code, pending)

    async def keep_key(self, account: Account, key: SecretStr) -> Connection:
        """Connect an account of an app that works with static keys. Raises RetryLater."""
        return await self._connect(account, Tokens(key))

    async def disconnect(self, account: Account) -> Disconnected | None:
        """Use it no more, at once, and let nothing finish that was started for it; then have its tokens made void, and
        forget it when they are. None if there is no such account. Raises RetryLater."""
        await self.pending.end(account)
        record = await self.records.load(account)
        if record is None:
            return None
        if record.connection.state is not AccountState.DISCONNECTED:
            await self.refresher.alone(record.connection, self._mark_disconnected)
            record = await self.records.load(account)
        if record is None or record.connection.state is not AccountState.DISCONNECTED:
            raise RetryLater("the account was changed meanwhile: ask again", after=timedelta(seconds=1))
        unconfirmed = await self._revoked(record)
        if unconfirmed is None:
            await self._forget(record)
        return Disconnected(unconfirmed)

    async def _usable(self, account: Account) -> Record | Missing:
        record = await self.records.load(account)
        if record is None:
            return Missing.NEVER_CONNECTED
        if missing := missing_of(record.connection.state):
            return missing
        refresh_at_ms = record.connection.refresh_at_ms
        if refresh_at_ms is None or self.now_ms() < refresh_at_ms:
            return record
        try:
            await self.refresher.refresh(record)
        except (RetryLater, ClientRefused):  # Redis and the store may be away, too.
            if self.now_ms() < (record.connection.expires_at_ms or 0):
                return record  # Old, but good for some seconds yet.
            raise
        return await self._after_refresh(account)

    async def _other(self, account: Account, *, refused: Mapping[str, str]) -> Record | Missing:
        """The tokens of now if they are not the refused ones, else those that a refresh brings. Static keys and tokens
        that cannot be refreshed are what they are."""
        record, declared = await self.records.load(account), self.apps[account.app]
        if record is None:
            return Missing.NEVER_CONNECTED
        if missing := missing_of(record.connection.state):
            return missing
        tokens = self.records.opened(record)
        if declared.oauth is None or tokens.refresh is None or declared.headers(tokens.access) != refused:
            return record
        await self.refresher.renew(record)
        return await self._after_refresh(account)

    async def _after_refresh(self, account: Account) -> Record | Missing:
        """Tokens of a life so short that they want to be refreshed again are used all the same."""
        record = await self.records.load(account)
        if record is None:
            return Missing.NEVER_CONNECTED
        return missing_of(record.connection.state) or record

    async def _exchanged(self, client: OAuthClient, code: SecretStr, pending: Pending) -> Connection | CallbackRefused:
        answer = await self.endpoint.exchange(client, code, pending)
        if isinstance(answer, TokenRefused):
            return CallbackRefused(f"the token endpoint of {pending.account.app} says {answer.word}")
        asked = client.scopes if answer.scopes is None else answer.scopes
        try:
            return await self._connect(pending.account, replace(answer, scopes=asked), pending)
        except Ended:
            unconfirmed = await self.endpoint.end(client, answer)
            log.warning("account.ended_before_it_was_connected", app=pending.account.app, unconfirmed=unconfirmed)
            return CallbackRefused(STATE_REFUSED)

    async def _connect(self, account: Account, tokens: Tokens, pending: Pending | None = None) -> Connection:
        """Raises Ended. Asked after the record was read: a disconnection that comes later changes the record, too."""
        sealed = self.records.sealed(account, tokens)
        for _ in range(SAVE_TRIES_MAX):
            current = await self.records.load(account)
            if pending is not None and not await self.pending.holds(pending):
                raise Ended
            generation, version = (0, 0) if current is None else (current.connection.generation, current.version)
            connection = connected(account, tokens, generation=generation + 1, now_ms=self.now_ms())
            if current is not None:  # Two connections never have the same moment: results are kept by it.
                at_ms = max(connection.connected_at_ms, current.connection.connected_at_ms + 1)
                connection = replace(connection, connected_at_ms=at_ms)
            try:
                await self.records.save(connection, sealed, version=version)
            except VersionConflict:
                continue
            log.info("account.connected", app=account.app, tenant=account.tenant)
            if current is not None:
                await self._end_replaced(current, tokens)
            return connection
        raise RetryLater("the account is being written by others: connect it again", after=timedelta(seconds=1))

    async def _end_replaced(self, replaced: Record, tokens: Tokens) -> None:
        """Once, and within the limits of a disconnection: the account works, whatever comes of it."""
        declared = self.apps[replaced.connection.account.app]
        is_gone = replaced.connection.state is AccountState.NEEDS_RECONNECT
        if is_gone or declared.oauth is None or not declared.oauth.revoke_replaced:
            return
        try:
            old = self.records.opened(replaced)
        except (Unsealable, KeyMissing):
            return
        if not share_a_token(old, tokens) and (reason := await self.endpoint.end(declared.oauth, old)):
            log.warning("account.replaced_but_not_revoked", app=declared.name, reason=reason)

    async def _mark_disconnected(self, record: Record) -> None:
        gone = replace(record.connection, state=AccountState.DISCONNECTED, reason="disconnected by request")
        await self.records.save(gone, record.sealed, version=record.version)
        log.info("account.disconnected", app=gone.account.app, tenant=gone.account.tenant)

    async def _forget(self, record: Record) -> None:
        """Unless its owner has connected it again while the server was asked, up to the last moment: the version that
        is deleted is the one that was looked at. Re-wrapping alone changes nothing."""
        for _ in range(SAVE_TRIES_MAX):
            current = await self.records.load(record.connection.account)
            if current is None or current.connection != record.connection:
                return
            try:
                return await self.records.delete(current)
            except VersionConflict:
                continue
        raise RetryLater("the account is being written by others: ask again", after=timedelta(seconds=1))

    async def _revoked(self, record: Record) -> str | None:
        """Why the tokens may still work at the server."""
        declared = self.apps.get(record.connection.account.app)
        if declared is None or declared.oauth is None:
            return None
        try:
            tokens = self.records.opened(record)
        except Unsealable:
            return None  # Nobody can use them, and there is nothing to send.
        return await self.endpoint.end(declared.oauth, tokens)
