"""May this much money be spent, and what was spent in the end?"""

from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from cost_gate.closed import closed_when_redis_is_gone
from cost_gate.outcomes import Balance, Refused, Reserved, Settlement, Standing
from cost_gate.scopes import AMOUNT_MICRODOLLARS_MAX, UNCAPPED, Scope, ScopeKind, check_scopes
from cost_gate.scripts import DIGESTS, RESERVE, SETTLE, SWEEP

# One hash tag: every key of the gate lives in one slot, as one atomic script over several scopes needs.
_LEASES = "{cost}:leases"
# Scopes that end are forgotten this long after their last reservation; the others are kept.
_KEEP_SECONDS = {ScopeKind.EXECUTION: 90 * 24 * 3600, ScopeKind.NODE: 90 * 24 * 3600}


async def reserve(
    redis: Redis,
    *,
    reservation_id: str,
    scopes: Sequence[Scope],
    amount_microdollars: int,
    lease_seconds: float,
    now: datetime,
) -> Reserved | Refused:
    """Take the amount from all scopes or from none. A lease not settled in time counts at its maximum.

    Raises GateClosed when Redis cannot answer, ValueError as check_scopes does.
    """
    _check_amount(amount_microdollars)
    check_scopes(scopes)
    limits = [text for scope in scopes for text in (_cap_text(scope), str(_KEEP_SECONDS.get(scope.kind, 0)))]
    answer = await _run(
        redis,
        RESERVE,
        [_LEASES, _record_key(reservation_id), *map(_scope_key, scopes)],
        [
            str(amount_microdollars),
            _milliseconds(now + timedelta(seconds=lease_seconds)),
            _milliseconds(now),
            *limits,
        ],
    )
    if answer[0] == "reserved":
        return Reserved(reservation_id, int(answer[2]), Standing(answer[1]))
    return _refused(scopes[int(answer[1])], spent=int(answer[2]), held=int(answer[3]))


async def settle(redis: Redis, reservation_id: str, actual_microdollars: int) -> Settlement:
    """Count what was really spent instead of what was held; the first settlement of a reservation wins."""
    _check_amount(actual_microdollars)
    return await _close(redis, reservation_id, Standing.SETTLED, actual_microdollars)


async def release(redis: Redis, reservation_id: str) -> Settlement:
    """Give everything back: the money is known not to have been spent."""
    return await _close(redis, reservation_id, Standing.RELEASED, 0)


async def sweep(redis: Redis, *, now: datetime, count_max: int = 1000) -> int:
    """Count lapsed leases at their maximum; returns how many there were, at most `count_max`."""
    answer = await _run(redis, SWEEP, [_LEASES], [_milliseconds(now), str(count_max)])
    return int(answer[0])


async def load_balance(redis: Redis, scope: Scope) -> Balance:
    """What the scope has spent and holds now."""
    async with closed_when_redis_is_gone():
        reading = redis.hmget(_scope_key(scope), ["spent", "held", "overrun"])
        sums = await reading
    spent, held, overrun = (int(figure or 0) for figure in sums)
    return Balance(spent, held, overrun)


async def _close(redis: Redis, reservation_id: str, standing: Standing, actual: int) -> Settlement:
    keys = [_LEASES, _record_key(reservation_id)]
    before, overrun = await _run(redis, SETTLE, keys, [standing.value, str(actual)])
    return Settlement(reservation_id, Standing(before), int(overrun))


async def _run(redis: Redis, script: str, keys: list[str], arguments: list[str]) -> list[str]:
    async with closed_when_redis_is_gone():
        try:
            calling = redis.evalsha(DIGESTS[script], len(keys), *keys, *arguments)
            answer = await cast("Awaitable[object]", calling)
        except NoScriptError:
            answer = await cast("Awaitable[object]", redis.eval(script, len(keys), *keys, *arguments))
    return [_text(part) for part in answer] if isinstance(answer, list) else [_text(answer)]


def _text(part: object) -> str:
    return part.decode() if isinstance(part, bytes) else str(part)


def _refused(scope: Scope, *, spent: int, held: int) -> Refused:
    assert isinstance(scope.cap_microdollars, int)
    return Refused(scope, scope.cap_microdollars, spent, held)


def _check_amount(amount: int) -> None:
    if not 0 <= amount <= AMOUNT_MICRODOLLARS_MAX:
        raise ValueError(f"amount is {amount} micro-dollars, not in 0..{AMOUNT_MICRODOLLARS_MAX}")


def _cap_text(scope: Scope) -> str:
    cap = scope.cap_microdollars
    return "" if cap is None or cap is UNCAPPED else str(cap)


def _scope_key(scope: Scope) -> str:
    return f"{{cost}}:scope:{scope.kind}:{scope.id}"


def _record_key(reservation_id: str) -> str:
    return f"{{cost}}:reservation:{reservation_id}"


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
