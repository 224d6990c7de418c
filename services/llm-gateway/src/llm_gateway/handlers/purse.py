"""Is there money, and leave, for the next call of this request, and what did it take?"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

import structlog

from contracts.costs import CostEntry
from cost_gate import Ask, Gate, GateClosed, Limited, OverQuota, Rate, RateKind, Refused, Scope, Settlement, Standing
from cost_ledger import Ledger, OverBudget
from llm_gateway.domain.answer import NO_USAGE, Usage
from llm_gateway.domain.bid import Bid
from llm_gateway.domain.call import Call
from llm_gateway.domain.retry import jitter_of
from llm_gateway.domain.route_model import Candidate
from llm_gateway.handlers.clock import Clock

log = structlog.get_logger()
Surely = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]
"""Begins work that comes to its end, whoever goes away."""
# A lease outlives its call by this much; one that nobody settles then counts at its maximum.
LEASE_MARGIN_SECONDS = 15.0
_CALLS_MAX = 100
_SETTLE_TRIES_MAX = 30
_WAIT_FIRST_SECONDS, _WAIT_SECONDS_MAX = 0.05, 0.5
# What a limit asks to wait is waited here only when it is short; else the next model is tried, or the caller told.
LIMIT_WAIT_SECONDS_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Held:
    """Money that is held for one call."""

    reservation_id: str
    amount_microdollars: int


@dataclass(frozen=True, slots=True)
class Attempted:
    """What is known of one call after it, for the ledger."""

    candidate: Candidate
    cost_microdollars: int
    outcome: str = "ok"
    usage: Usage = NO_USAGE
    latency_ms: int = 0


@dataclass(slots=True)
class Purse:
    """The money of one request. Reservations are numbered, so that a redelivered command finds those of its crashed
    predecessor: what they hold may have been spent and is counted, and the new call takes the next number."""

    gate: Gate
    ledger: Ledger
    call: Call
    scopes: Sequence[Scope]
    rates: Sequence[Rate]
    now: Clock
    wait_seconds_max: float
    _number: int = 0
    _settling: asyncio.Task[None] | None = None

    @property
    def lowest_cap(self) -> int | None:
        """More than this no single call can cost, in micro-dollars; None: nothing says so."""
        caps = [scope.cap_microdollars for scope in self.scopes if isinstance(scope.cap_microdollars, int)]
        return min(caps, default=None)

    async def reserve(self, bid: Bid, *, rates: Sequence[Rate], until: float) -> Held | OverBudget | Limited:
        """Money for one call, at least `bid.least` and at most `bid.most`, and a place within all limits. Where money
        that others hold may come back, it is waited for. `until` is on the clock of `time.monotonic`.
        Raises GateClosed."""
        if self._settling is not None:  # What the call before did not need is there for this one.
            await asyncio.wait({self._settling}, timeout=max(until - time.monotonic(), 0.0))
        patience = min(until, time.monotonic() + self.wait_seconds_max)
        wait, asked = _WAIT_FIRST_SECONDS, 0
        while True:
            answer = await self._ask(bid, [*self.rates, *rates], until - time.monotonic())
            if isinstance(answer, Held):
                return answer
            pause = wait * (0.5 + jitter_of(self.call.request_id, asked))
            asked += 1
            if isinstance(answer, Limited):
                pause = answer.retry_after_seconds + pause * 0.1
                if pause > LIMIT_WAIT_SECONDS_MAX or answer.rate.kind is RateKind.PROVIDER:
                    return answer
            elif not answer.could_fit_later:
                return OverBudget.of(answer, requested=bid.least)
            if time.monotonic() + pause > patience:
                return answer if isinstance(answer, Limited) else OverBudget.of(answer, requested=bid.least)
            await asyncio.sleep(pause)
            wait = min(wait * 2, _WAIT_SECONDS_MAX)

    def settle_surely(self, held: Held, attempted: Attempted, surely: Surely) -> None:
        """Begin to count what was spent. The caller does not wait for it; its own next call does."""
        self._settling = surely(self.settle(held, attempted))

    async def settle(self, held: Held, attempted: Attempted) -> None:
        """Count what was spent. While the gate is closed it is tried again, up to the end of the lease; one that nobody
        could settle counts at its maximum."""
        usage = attempted.usage
        tokens = None if usage is NO_USAGE else usage.tokens_input + usage.tokens_output
        for _ in range(_SETTLE_TRIES_MAX):
            try:
                settlement = await self.gate.settle(
                    held.reservation_id, attempted.cost_microdollars, tokens_actual=tokens
                )
            except GateClosed as error:
                log.warning("cost_gate.unsettled", reason=str(error), actual_microdollars=attempted.cost_microdollars)
                await asyncio.sleep(1.0)
                continue
            return self._record(held, attempted, settlement)

    async def _ask(self, bid: Bid, rates: Sequence[Rate], left_seconds: float) -> Held | Refused | Limited:
        while self._number < _CALLS_MAX:
            reservation_id = f"{self.call.tenant}/{self.call.request_id}/{self._number}"
            ask = Ask(reservation_id, self.scopes, bid.most, bid.least, rates, bid.tokens)
            lease_seconds = max(left_seconds, 0.0) + LEASE_MARGIN_SECONDS
            answer = await self.gate.reserve(ask, lease_seconds=lease_seconds, now=self.now())
            if isinstance(answer, Refused | Limited):
                return answer
            assert not isinstance(answer, OverQuota)  # No quota is asked for.
            self._number += 1
            if answer.standing is Standing.NEW:
                return Held(reservation_id, answer.amount_microdollars)
            if answer.standing is Standing.HELD:
                await self._count_predecessor(Held(reservation_id, answer.amount_microdollars))
        raise AssertionError(f"request {self.call.request_id} has made {_CALLS_MAX} calls")

    async def _count_predecessor(self, held: Held) -> None:
        """An earlier delivery of the same command reserved this and died: whether it called is unknown."""
        settlement = await self.gate.settle(held.reservation_id, held.amount_microdollars)
        self._record(held, None, settlement)

    def _record(self, held: Held, attempted: Attempted | None, settlement: Settlement) -> None:
        if settlement.before not in (Standing.HELD, Standing.LAPSED):
            return
        model = attempted.candidate.model if attempted is not None else None
        usage = attempted.usage if attempted is not None else NO_USAGE
        entry = CostEntry(
            reservation_id=held.reservation_id,
            request_id=self.call.request_id,
            scopes=settlement.books,
            spent_microdollars=settlement.spent_microdollars,
            reserved_microdollars=held.amount_microdollars,
            standing="settled",
            recorded_ms=int(self.now().timestamp() * 1000),
            provider=model.provider if model is not None else None,
            model=model.name if model is not None else None,
            outcome=attempted.outcome if attempted is not None else "unknown",
            tokens_input=usage.tokens_input,
            tokens_cached=usage.tokens_cached,
            tokens_output=usage.tokens_output,
            latency_ms=attempted.latency_ms if attempted is not None else 0,
        )
        self.ledger.add_entry(self.call.tenant, entry)
