"""Which caps are in force, as people set them?"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import nats.errors
import nats.js.errors
import orjson
import structlog
from nats.js import JetStreamContext
from nats.js.kv import KeyValue
from pydantic import TypeAdapter, ValidationError

from contracts.streams import BUDGETS_BUCKET
from cost_gate import Scope, ScopeKind, Window, check_scopes, scope_of
from cost_ledger.applied_caps import Caps, Payer, WindowName, applied_caps
from service_kit.errors import RetryLater
from service_kit.watched_bucket import is_deleted, watched

log = structlog.get_logger()
_CAPS: TypeAdapter[dict[WindowName, int | None]] = TypeAdapter(dict[WindowName, int | None])
_TRIES_MAX = 20
_PAYERS_KNOWN_MAX = 10_000
BudgetKey = tuple[str, str, str]
"""(tenant, scope, id)"""


@dataclass(slots=True)
class BudgetBook:
    """The bucket of caps, in memory and watched; it outlives Redis."""

    jetstream: JetStreamContext
    execution_cap_microdollars: int
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _caps: dict[BudgetKey, Caps] = field(default_factory=dict)
    _known: dict[tuple[str | None, ...], list[Scope]] = field(default_factory=dict)

    def scopes_for(self, payer: Payer) -> list[Scope]:
        """Everything that a call counts against. Raises ValueError where its caps make no sense. Calls that name no
        caps count against those that people set: worked out once for each payer, until a cap changes."""
        who = (payer.tenant, payer.entity, payer.workflow, payer.tool)
        known = None if payer.caps else self._known.get(who)
        if known is not None:
            return known
        scopes = self._worked_out(payer)
        if not payer.caps and scopes[0].kind is not ScopeKind.EXECUTION:
            if len(self._known) >= _PAYERS_KNOWN_MAX:
                self._known.clear()
            self._known[who] = scopes
        return scopes

    def _worked_out(self, payer: Payer) -> list[Scope]:
        caps = applied_caps(payer, self._caps, execution_cap_microdollars=self.execution_cap_microdollars)
        scopes = [
            scope_of(payer.tenant, cap.scope, cap.id, cap_microdollars=cap.cap_microdollars, window=Window(cap.window))
            for cap in caps
        ]
        check_scopes(scopes)
        return scopes

    def budgets(self) -> Mapping[BudgetKey, Caps]:
        """All caps that are set."""
        return self._caps

    def apply(self, entry: "KeyValue.Entry | None") -> None:
        """One change of the bucket; None ends the first reading."""
        if entry is None:
            self.loaded.set()
            return
        try:
            key = _parsed(entry.key)
            self._put(key, None if is_deleted(entry) else _read_caps(entry.value))
        except (ValueError, ValidationError) as error:
            log.error("budgets.unreadable", key=entry.key, error=type(error).__name__)

    async def set_caps(self, key: BudgetKey, caps: Caps) -> None:
        """Put these caps in force, instead of all that the scope had. Raises RetryLater."""
        async with _translated():
            bucket = await self.jetstream.key_value(BUDGETS_BUCKET)
            await bucket.put(_name(key), orjson.dumps(dict(caps)))
            self._put(key, caps)

    async def remove(self, key: BudgetKey) -> None:
        """Take the caps of a scope out of force. Raises RetryLater."""
        async with _translated():
            bucket = await self.jetstream.key_value(BUDGETS_BUCKET)
            await bucket.delete(_name(key))
            self._put(key, None)

    async def raise_cap(self, key: BudgetKey, window: str, cap_microdollars: int) -> int | None:
        """Put a higher cap in force; the one in force afterwards, which is the old one where that is higher. Two who
        raise at once come to the higher of the two. Raises RetryLater."""
        async with _translated():
            bucket = await self.jetstream.key_value(BUDGETS_BUCKET)
            for _ in range(_TRIES_MAX):
                caps, revision = await _read(bucket, _name(key))
                before = caps.get(window, 0)
                if before is None or before >= cap_microdollars:
                    return before
                raised = {**caps, window: cap_microdollars}
                try:
                    await bucket.update(_name(key), orjson.dumps(raised), last=revision)
                except nats.js.errors.KeyWrongLastSequenceError:
                    continue
                self._put(key, raised)
                return cap_microdollars
        raise RetryLater(f"the cap of {key[1]} {key[2]} was changed {_TRIES_MAX} times meanwhile")

    def _put(self, key: BudgetKey, caps: Caps | None) -> None:
        self._known.clear()
        if caps is None:
            self._caps.pop(key, None)
        else:
            self._caps[key] = caps


@asynccontextmanager
async def watched_budgets(jetstream: JetStreamContext, *, execution_cap_microdollars: int) -> AsyncIterator[BudgetBook]:
    """The book, kept up to date for as long as the block runs. Raises TimeoutError when it cannot be read: without the
    caps nothing may be spent."""
    book = BudgetBook(jetstream, execution_cap_microdollars)
    async with watched(jetstream, BUDGETS_BUCKET, book):
        yield book


async def _read(bucket: KeyValue, name: str) -> tuple[dict[str, int | None], int]:
    try:
        entry = await bucket.get(name)
    except nats.js.errors.KeyDeletedError as error:
        return {}, int(error.entry.revision or 0)
    except nats.js.errors.KeyNotFoundError:
        return {}, 0
    return _read_caps(entry.value), int(entry.revision or 0)


def _read_caps(stored: bytes | None) -> dict[str, int | None]:
    return {str(window): cap for window, cap in _CAPS.validate_json(stored or b"{}").items()}


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"the bucket of caps does not answer: {type(error).__name__}") from error


def _name(key: BudgetKey) -> str:
    """Ids may hold what names of a bucket may not, so that tenant and id are written in hex."""
    tenant, scope, identity = key
    return f"{tenant.encode().hex()}.{scope}.{identity.encode().hex()}"


def _parsed(name: str) -> BudgetKey:
    tenant, scope, identity = name.split(".")
    return bytes.fromhex(tenant).decode(), scope, bytes.fromhex(identity).decode()
