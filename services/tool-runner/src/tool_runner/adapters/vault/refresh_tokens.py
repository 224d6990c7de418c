"""How does an account get new tokens once, however many calls and processes want them at the same time?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from document_store import StoreUnavailable, VersionConflict
from service_kit.errors import RetryLater
from tool_runner.adapters.vault.account_records import AccountRecords, Record
from tool_runner.adapters.vault.oauth_redis import LEASE_SECONDS, RefreshLeases
from tool_runner.adapters.vault.seal_tokens import Sealed
from tool_runner.adapters.vault.token_endpoint import TokenEndpoint
from tool_runner.domain.accounts import Account, AccountState, App, Connection, Tokens, refreshed, replaces
from tool_runner.domain.oauth import TokenRefused, Trouble

WORK_SECONDS_MAX = LEASE_SECONDS - 5
"""Asking and storing end before the lease does."""
WAIT_SECONDS_MAX = LEASE_SECONDS + 5
"""How long one waits for another process that refreshes the account."""
LOOK_EVERY_SECONDS = 0.05
QUIET_SECONDS = 5.0
"""After a refresh that failed nobody asks that server about that account again for so long."""
QUIET_ACCOUNTS_MAX = 10_000
RENEW_SECONDS = 60.0
"""Tokens that a tool's server refuses are renewed once in so long: one that takes none does not make a refresh of every
call."""
STORE_AGAIN_SECONDS = 0.25
log = structlog.get_logger()


class ServerUnavailable(RetryLater):
    """The app's server gives no tokens now; the account stays connected."""


class ClientRefused(Exception):
    """The app's server refuses this system itself."""


@dataclass(slots=True)
class Refresher:
    """A refresh is a task of its own: a caller who gives up does not cut it, or the tokens that come would be lost."""

    records: AccountRecords
    leases: RefreshLeases
    endpoint: TokenEndpoint
    apps: Mapping[str, App]
    now_ms: Callable[[], int]
    quiet_seconds: float = QUIET_SECONDS
    renew_seconds: float = RENEW_SECONDS
    _flights: dict[Account, "asyncio.Task[None]"] = field(default_factory=dict)
    _quiet: dict[Account, tuple[float, Exception]] = field(default_factory=dict)
    _renewed: dict[Account, float] = field(default_factory=dict)

    async def refresh(self, record: Record) -> None:
        """Return when the account has another generation or state than this one. Raises ServerUnavailable,
        ClientRefused, RetryLater, Unsealable, KeyMissing."""
        account = record.connection.account
        flight = self._flights.get(account)
        if flight is None:
            self._check_quiet(account)
            flight = self._flights[account] = asyncio.create_task(self._refreshed(record.connection))
            flight.add_done_callback(lambda done: self._landed(account, done))
        await asyncio.shield(flight)

    async def renew(self, record: Record) -> None:
        """Refresh tokens before their time. Nothing is done where that happened a moment ago. Raises as `refresh`."""
        account, now = record.connection.account, asyncio.get_running_loop().time()
        if account not in self._flights:
            if now < self._renewed.get(account, 0.0):
                return
            if len(self._renewed) >= QUIET_ACCOUNTS_MAX:
                self._renewed.clear()
            self._renewed[account] = now + self.renew_seconds
        try:
            await self.refresh(record)
        except (ServerUnavailable, ClientRefused):
            self._renewed.pop(account, None)  # Nothing is new: it may be tried again as any refresh.
            raise

    async def close(self) -> None:
        """Let what runs come to its end: it has limits of its own."""
        if self._flights:
            await asyncio.wait(list(self._flights.values()))

    async def _refreshed(self, seen: Connection) -> None:
        async def ask(record: Record) -> None:
            try:
                async with asyncio.timeout(WORK_SECONDS_MAX):
                    await self.ask(record)
            except TimeoutError:
                raise RetryLater(f"the refresh was not stored within {WORK_SECONDS_MAX:g} s") from None

        await self.alone(seen, ask)

    async def alone(self, seen: Connection, work: Callable[[Record], Awaitable[None]]) -> None:
        """Do `work` on the account while no other process does anything like it; not at all if the account has
        changed since it was seen."""
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS_MAX
        while asyncio.get_running_loop().time() < deadline:
            async with self.leases.tried(seen.account) as mine:
                record = await self.records.load(seen.account)
                if record is None or _changed(record.connection, seen):
                    return
                if mine:
                    return await work(record)
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        raise RetryLater("another process refreshes this account", after=timedelta(seconds=1))

    async def ask(self, record: Record) -> None:
        """Ask the server and store what it says; for whoever has the account for themselves. Raises ServerUnavailable,
        ClientRefused, Unsealable, KeyMissing."""
        old, account = self.records.opened(record), record.connection.account
        client = self.apps[account.app].oauth
        if client is None or old.refresh is None:
            return await self._keep(_needing(record.connection, "it has expired and cannot be refreshed"), None)
        answer = await self.endpoint.refresh(client, old.refresh)
        if isinstance(answer, Tokens):
            new = replace(answer, refresh=answer.refresh or old.refresh)
            following = refreshed(record.connection, new, now_ms=self.now_ms())
            return await self._keep(following, self.records.sealed(account, new))
        if answer.trouble is not Trouble.GRANT_GONE:
            raise _raised(account.app, answer)
        await self._keep(_needing(record.connection, f"its server says {answer.word}"), None)

    async def _keep(self, connection: Connection, sealed: Sealed | None) -> None:
        """Store what came, beside the tokens that are there if it brought none. Tried again while the store is away:
        these may be the only tokens that still work."""
        account = connection.account
        while True:
            try:
                current = await self.records.load(account)
                if current is None or not replaces(connection, current.connection):
                    log.warning("account.answer_dropped", app=account.app, tenant=account.tenant)
                    return
                await self.records.save(connection, sealed or current.sealed, version=current.version)
                return _tell(connection)
            except VersionConflict:
                continue
            except StoreUnavailable:
                await asyncio.sleep(STORE_AGAIN_SECONDS)

    def _check_quiet(self, account: Account) -> None:
        until, error = self._quiet.get(account, (0.0, None))
        if error is not None and asyncio.get_running_loop().time() < until:
            raise type(error)(*error.args)

    def _landed(self, account: Account, flight: "asyncio.Task[None]") -> None:
        self._flights.pop(account, None)
        error = None if flight.cancelled() else flight.exception()
        if isinstance(error, ServerUnavailable | ClientRefused):
            if len(self._quiet) >= QUIET_ACCOUNTS_MAX:
                self._quiet.clear()
            self._quiet[account] = (asyncio.get_running_loop().time() + self.quiet_seconds, error)
        else:
            self._quiet.pop(account, None)


def _needing(connection: Connection, reason: str) -> Connection:
    return replace(connection, state=AccountState.NEEDS_RECONNECT, reason=reason)


def _tell(connection: Connection) -> None:
    """Whose account it is stays untold: an entity may be named after a person."""
    account = connection.account
    if connection.state is AccountState.CONNECTED:
        log.info("account.refreshed", app=account.app, tenant=account.tenant)
    else:
        log.warning("account.needs_reconnect", app=account.app, tenant=account.tenant, reason=connection.reason)


def _changed(current: Connection, seen: Connection) -> bool:
    """Also if it was forgotten and connected anew: its generations begin anew, too."""
    known = (seen.connected_at_ms, seen.generation, seen.state)
    return (current.connected_at_ms, current.generation, current.state) != known


def _raised(app: str, refused: TokenRefused) -> Exception:
    if refused.trouble is Trouble.CLIENT_REFUSED:
        return ClientRefused(f"the token endpoint of {app} says {refused.word}: see the app in the manifest")
    return ServerUnavailable(f"the token endpoint of {app}: {refused.word}", after=timedelta(seconds=QUIET_SECONDS))
