"""May this call be made, as far as money, quotas and rates go, and what did it take?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from zlib import crc32

import structlog

from contracts.costs import CostEntry
from contracts.envelope import Identity, derive_message_id
from cost_gate import Ask, GateClosed, Limited, OverQuota, Refused, Reserved, Settlement, Standing
from cost_ledger import OverBudget, Publish, exhausted, tool_reservation
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from tool_runner.adapters.money import Money, opened_money
from tool_runner.domain.limits_of_call import SpendingCall, quotas_of, rates_of
from tool_runner.domain.outcome import ErrorClass, Failed

log = structlog.get_logger()
LEASE_MARGIN_SECONDS = 15.0
"""A lease outlives its call by this much; one that nobody settles then counts at its maximum."""
HELD_BY_OTHERS_SECONDS = 0.5
"""Asked again after this, where what is missing is held by calls on their way and may come back."""
SOON_SECONDS = 60.0
"""What passes within this is worth another attempt by whoever asked."""
_SETTLE_TRIES_MAX = 30
_SETTLE_WAIT_SECONDS = 1.0
_FINISH_SECONDS_MAX = 5.0
_RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Granted:
    """What a call may take. Settled or released once; one that is neither counts at its maximum when its lease ends."""

    spending: "Spending"
    call: SpendingCall
    reservation_id: str | None = None
    """None where nothing about the call is counted."""
    reserved_microdollars: int = 0
    ours: bool = True
    """Whether this process reserved it. Else an earlier delivery did, in a process that may still be at it."""

    async def settle(self, cost_microdollars: int, *, outcome: str = "ok") -> None:
        """The call was made, or may have been. Where that is not known, the whole reserved amount is its cost."""
        await self.spending.close(self, cost_microdollars, outcome=outcome)

    async def release(self) -> None:
        """The call is known not to have been made: its money and its places are for others. What an earlier delivery
        reserved stays: it may be making the call, and if it is dead the lease ends."""
        if self.ours:
            await self.spending.close(self, None, outcome=_RELEASED)


@dataclass(slots=True)
class Spending:
    """Reservations are named after the command: a redelivered one finds that of its crashed predecessor, which counts
    once."""

    money: Money
    publish: Publish
    now: Callable[[], datetime]
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    async def reserve(self, call: SpendingCall) -> Granted | Failed:
        """Money, a call of every quota and a place within every rate, or why there is none. A tool of which nothing is
        counted costs no trip. Raises RetryLater where what is missing may come back before the deadline, where the gate
        is closed and where what is spent could not be recorded."""
        if call.is_free:
            return Granted(self, call)
        if not self.money.ledger.has_room:
            raise RetryLater("the cost ledger cannot be stored", after=timedelta(seconds=1))
        was_ours = _reservation(call) in self.money.gate.holds
        answer = await self._ask(call)
        match answer:
            case Reserved(reservation_id, amount, standing):
                return Granted(self, call, reservation_id, amount, was_ours or standing is Standing.NEW)
            case OverQuota():
                return self._over_quota(call, answer)
            case Limited():
                return self._limited(call, answer)
        return await self._over_budget(call, answer)

    async def close(self, granted: Granted, cost_microdollars: int | None, *, outcome: str) -> None:
        """Count what was spent, or give everything back where that is None. Waits a moment; while the gate is closed it
        is tried again without the caller, whose call has ended."""
        if granted.reservation_id is not None:
            task = asyncio.create_task(self._closed(granted, cost_microdollars, outcome))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            await asyncio.wait({task}, timeout=_SETTLE_WAIT_SECONDS)

    async def finish(self) -> None:
        """Wait for what is still being counted, at the end of the process."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=_FINISH_SECONDS_MAX)

    async def _ask(self, call: SpendingCall) -> Reserved | OverQuota | Refused | Limited:
        rules, cost = call.tool.rules, call.tool.rules.cost_microdollars
        ask = Ask(
            _reservation(call),
            self.money.budgets.scopes_for(call.payer) if cost else (),
            cost,
            rates=rates_of(call),
            quotas=tuple(quotas_of(call)),
        )
        seconds = min(max(call.seconds, 0.0), rules.timeout_ms / 1000)
        return await self.money.gate.reserve(ask, lease_seconds=seconds + LEASE_MARGIN_SECONDS, now=self.now())

    def _over_quota(self, call: SpendingCall, over: OverQuota) -> Failed:
        declared = quotas_of(call)[over.quota]
        detail = (
            f"{call.tool.name}: its quota of {declared.calls_max} calls a {declared.window} for each {declared.per} is "
            f"used up: {over.used} were made, {over.held} are on their way; it starts anew at {over.resets_at:%FT%TZ}"
        )
        if over.could_fit_later:
            _wait(call, HELD_BY_OTHERS_SECONDS, detail)
        resets_soon = (over.resets_at - self.now()).total_seconds() <= SOON_SECONDS
        return Failed(ErrorClass.DENIED, detail, retryable=over.could_fit_later or resets_soon)

    def _limited(self, call: SpendingCall, limited: Limited) -> Failed:
        rate, seconds = limited.rate, limited.retry_after_seconds
        limit = (
            f"{rate.concurrent_max} calls at once"
            if limited.what == "concurrent"
            else f"{rate.requests_per_minute} calls a minute"
        )
        detail = f"{call.tool.name}: its limit of {limit} is reached; try again in {seconds:.1f} s"
        _wait(call, seconds, detail)
        return Failed(ErrorClass.DENIED, detail, retryable=seconds <= SOON_SECONDS)

    async def _over_budget(self, call: SpendingCall, refused: Refused) -> Failed:
        over = OverBudget.of(refused, requested=call.tool.rules.cost_microdollars)
        if refused.could_fit_later:
            _wait(call, HELD_BY_OTHERS_SECONDS, over.detail)
        event = exhausted(over, command_id=call.command_id, execution_id=call.execution_id, node=call.node)
        message_id = derive_message_id(call.command_id, event.route.type)
        await self.publish(event, Identity(call.tenant, call.key, message_id, caused_by=call.command_id))
        return Failed(ErrorClass.BUDGET_EXCEEDED, f"{call.tool.name}: {over.detail}", cap_reached=over.cap_reached)

    async def _closed(self, granted: Granted, cost_microdollars: int | None, outcome: str) -> None:
        """One that nobody could close counts at its maximum."""
        gate, reservation_id = self.money.gate, granted.reservation_id or ""
        for _ in range(_SETTLE_TRIES_MAX):
            try:
                if cost_microdollars is None:
                    settlement = await gate.release(reservation_id)
                else:
                    settlement = await gate.settle(reservation_id, cost_microdollars)
            except GateClosed as error:
                log.warning("cost_gate.unsettled", reason=str(error), actual_microdollars=cost_microdollars)
                await asyncio.sleep(_SETTLE_WAIT_SECONDS)
                continue
            return self._record(granted, settlement, outcome)

    def _record(self, granted: Granted, settlement: Settlement, outcome: str) -> None:
        """What changed no book is no entry: a call given back, a repeat of one that was counted."""
        if settlement.before not in (Standing.HELD, Standing.LAPSED):
            return
        if not settlement.spent_microdollars and not settlement.calls:
            return
        call = granted.call
        entry = CostEntry(
            reservation_id=settlement.reservation_id,
            request_id=call.command_id,
            scopes=settlement.books,
            spent_microdollars=settlement.spent_microdollars,
            reserved_microdollars=granted.reserved_microdollars,
            standing="released" if outcome == _RELEASED else "settled",
            recorded_ms=int(self.now().timestamp() * 1000),
            tool=call.tool.name,
            outcome=outcome,
            quotas=settlement.quotas,
            calls=settlement.calls,
        )
        self.money.ledger.add_entry(call.tenant, entry)


def _reservation(call: SpendingCall) -> str:
    return tool_reservation(call.tenant, call.command_id, call.tool.name)


def _wait(call: SpendingCall, seconds: float, detail: str) -> None:
    """Raises RetryLater where the deadline leaves room for it: the command waits in the bus, not in a place here. Each
    call a little later or sooner, so that not all come back at once."""
    jittered = seconds * (1.05 + crc32(call.command_id.encode()) % 100 / 1000) + 0.01
    if jittered < call.seconds:
        raise RetryLater(detail, after=timedelta(seconds=jittered))


@asynccontextmanager
async def opened_spending(
    connection: Connection, redis_url: str, *, execution_cap_microdollars: int, now: Callable[[], datetime]
) -> AsyncIterator[Spending]:
    """Spending on the shared gate for as long as the block runs; at its end what was spent is counted and stored."""
    opened = opened_money(connection, redis_url, execution_cap_microdollars=execution_cap_microdollars, now=now)
    async with opened as money:
        spending = Spending(money, partial(publish, connection), now)
        try:
            yield spending
        finally:
            await spending.finish()
