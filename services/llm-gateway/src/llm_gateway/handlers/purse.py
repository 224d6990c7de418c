"""Is there money for the next call of this command, and what did it take?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from redis.asyncio import Redis

from cost_gate import GateClosed, Refused, Scope, Standing, reserve, settle

log = structlog.get_logger()
# A lease outlives its call by this much; one that nobody settles then counts at its maximum.
_LEASE_MARGIN_SECONDS = 60.0
_CALLS_MAX = 100


@dataclass(frozen=True, slots=True)
class OverBudget:
    refused: Refused
    requested_microdollars: int

    @property
    def detail(self) -> str:
        scope, refused = self.refused.scope, self.refused
        return (
            f"{scope.kind} {scope.id}: {self.requested_microdollars} micro-dollars on top of "
            f"{refused.spent_microdollars} spent and {refused.held_microdollars} held "
            f"pass the cap of {refused.cap_microdollars}"
        )


@dataclass(slots=True)
class Purse:
    """The money of one command. Reservations are numbered, so that a redelivered command finds those of its crashed
    predecessor: what they hold may have been spent and is counted, and the new call takes the next number."""

    redis: Redis
    command_id: str
    scopes: Sequence[Scope]
    now: Callable[[], datetime]
    over_budget: OverBudget | None = None
    _number: int = 0

    async def reserve(self, amount_microdollars: int, *, lease_seconds: float) -> str | OverBudget:
        """The reservation's id. Raises GateClosed."""
        while self._number < _CALLS_MAX:
            reservation_id = f"{self.command_id}/{self._number}"
            self._number += 1
            answer = await reserve(
                self.redis,
                reservation_id=reservation_id,
                scopes=self.scopes,
                amount_microdollars=amount_microdollars,
                lease_seconds=lease_seconds + _LEASE_MARGIN_SECONDS,
                now=self.now(),
            )
            if isinstance(answer, Refused):
                self.over_budget = OverBudget(answer, amount_microdollars)
                return self.over_budget
            if answer.standing is Standing.NEW:
                return reservation_id
            if answer.standing is Standing.HELD:
                await settle(self.redis, reservation_id, answer.amount_microdollars)
        raise AssertionError(f"command {self.command_id} has made {_CALLS_MAX} calls")

    async def settle(self, reservation_id: str, actual_microdollars: int) -> None:
        """Count what was spent. A gate that is closed now must not lose the answer: the lease counts at its maximum."""
        try:
            await settle(self.redis, reservation_id, actual_microdollars)
        except GateClosed as error:
            log.warning("cost_gate.unsettled", reason=str(error), actual_microdollars=actual_microdollars)
