"""Is what tools cost, and how often they are called, held within what people and manifests allow?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.budgets import BudgetExhausted
from contracts.completions import Cap
from contracts.costs import CostEntry, CostRecorded
from cost_gate import Balance, GateClosed, Scope, ScopeKind
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from service_kit.log import Log
from tests.support.kit import kit
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.wait_until import wait_until
from tool_runner.domain.limits_of_call import SpendingCall, quotas_of
from tool_runner.domain.manifest import Quota, QuotaPer, Tool, ToolRules
from tool_runner.domain.outcome import ErrorClass, Failed
from tool_runner.handlers.spending import Granted, Spending, opened_spending

COST = 20_000
EXECUTION = Scope(ScopeKind.EXECUTION, "acme/e1")
CAPS = (Cap(scope="execution", id="e1", cap_microdollars=2 * COST + 1),)
HELD, SPENT = Balance(0, COST, 0), Balance(COST, 0, 0)
START = datetime(2026, 3, 1, 10, 59, 30, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Stands still, until a test sets it."""

    at: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    async with kit(nats_server.url) as opened:
        yield opened


@asynccontextmanager
async def another(connection: Connection, redis: RedisServer, clock: Clock) -> AsyncIterator[Spending]:
    """As another process has it."""
    async with opened_spending(connection, redis.url, execution_cap_microdollars=COST, now=clock) as spending:
        await wait_until(spending.money.gate.opened.is_set)
        yield spending


@pytest.fixture
async def spending(connection: Connection, redis_server: RedisServer, clock: Clock) -> AsyncIterator[Spending]:
    async with another(connection, redis_server, clock) as opened:
        yield opened


def call(
    command_id: str = "m1", *, seconds: float = 0.0, caps: tuple[Cap, ...] = CAPS, **rules: object
) -> SpendingCall:
    """By default one that costs, and whose deadline leaves no time to wait."""
    declared = ToolRules(**{"cost_microdollars": COST, **rules})  # type: ignore[arg-type]
    tool = Tool("shop", "pay", "", {}, None, declared, None, None, None, None)
    return SpendingCall(
        tenant="acme", key="c1", command_id=command_id, tool=tool, seconds=seconds, execution_id="e1", caps=caps,
        entity="u1", agent="seller", workflow="returns", node="pay",
    )  # fmt: skip


async def granted(spending: Spending, asked: SpendingCall) -> Granted:
    answer = await spending.reserve(asked)
    assert isinstance(answer, Granted)
    return answer


async def entries(connection: Connection, count: int) -> list[CostEntry]:
    """Those of the ledger, once there are so many."""
    found: list[CostEntry] = []

    async def stored() -> bool:
        log = await Log(connection).read("acme", f"costs-{START:%Y-%m-%d}")
        found[:] = [one for part in log if isinstance(part.message, CostRecorded) for one in part.message.entries]
        return len(found) >= count

    await wait_until(stored)
    return found


async def test_what_a_call_costs_is_held_then_spent_and_recorded(spending: Spending, connection: Connection) -> None:
    grant = await granted(spending, call())
    assert grant.reserved_microdollars == COST
    assert await spending.money.gate.load_balance(EXECUTION, now=START) == HELD
    await grant.settle(COST)
    assert await spending.money.gate.load_balance(EXECUTION, now=START) == SPENT
    [entry] = await entries(connection, 1)
    assert (entry.request_id, entry.tool, entry.spent_microdollars) == ("m1", "shop.pay", COST)
    assert (entry.scopes, entry.outcome) == (("execution:acme/e1",), "ok")


async def test_a_call_that_was_not_made_gives_everything_back(spending: Spending) -> None:
    grant = await granted(spending, call(quotas=(Quota(QuotaPer.TENANT, 1),), concurrent_max=1))
    await grant.release()
    assert await spending.money.gate.load_balance(EXECUTION, now=START) == Balance(0, 0, 0)
    await granted(spending, call("m2", quotas=(Quota(QuotaPer.TENANT, 1),), concurrent_max=1))


async def test_a_tool_of_which_nothing_is_counted_needs_no_gate(spending: Spending) -> None:
    spending.money.gate.mark = ""
    grant = await granted(spending, call(cost_microdollars=0))
    assert (grant.reservation_id, grant.reserved_microdollars) == (None, 0)
    await grant.settle(0)
    with pytest.raises(GateClosed):
        await spending.reserve(call())


async def test_a_cap_that_refuses_is_told_to_whoever_can_raise_it(spending: Spending, connection: Connection) -> None:
    for command_id in ("m1", "m2"):
        await (await granted(spending, call(command_id))).settle(COST)
    refused = await spending.reserve(call("m3", seconds=30.0))
    assert isinstance(refused, Failed) and refused.error_class is ErrorClass.BUDGET_EXCEEDED and not refused.retryable
    assert refused.cap_reached is not None
    assert (refused.cap_reached.scope_id, refused.cap_reached.spent_microdollars) == ("acme/e1", 2 * COST)
    assert "execution acme/e1 (total): 20000 micro-dollars on top of 40000 spent" in refused.detail
    [said] = [one.message for one in await Log(connection).read("acme", "c1")]
    assert isinstance(said, BudgetExhausted)
    assert (said.command_id, said.node, said.cap_microdollars) == ("m3", "pay", 2 * COST + 1)


async def test_money_that_others_hold_is_waited_for_in_the_bus(spending: Spending) -> None:
    grants = [await granted(spending, call(command_id)) for command_id in ("m1", "m2")]
    with pytest.raises(RetryLater, match="20000 micro-dollars") as later:
        await spending.reserve(call("m3", seconds=30.0))
    assert later.value.after is not None and later.value.after < timedelta(seconds=1)
    await grants[0].release()
    await granted(spending, call("m3", seconds=30.0))


async def test_caps_that_people_set_for_a_tool_hold_besides_those_of_the_command(spending: Spending) -> None:
    await spending.money.budgets.set_caps(("acme", "tool", "shop.pay"), {"day": COST - 1})
    refused = await spending.reserve(call())
    assert isinstance(refused, Failed) and refused.cap_reached is not None
    assert (refused.cap_reached.scope, refused.cap_reached.window) == ("tool", "day")


async def test_calls_that_nothing_else_limits_have_the_default_cap(spending: Spending) -> None:
    await granted(spending, call(caps=()))
    assert isinstance(await spending.reserve(call("m2", caps=())), Failed)


@pytest.mark.parametrize("per", list(QuotaPer))
async def test_a_quota_refuses_with_its_figures_and_when_it_starts_anew(
    spending: Spending, clock: Clock, per: QuotaPer
) -> None:
    limited = {"cost_microdollars": 0, "quotas": (Quota(per, 1, "hour"), Quota(QuotaPer.TOOL, 9, "month"))}
    await (await granted(spending, call(**limited))).settle(0)  # type: ignore[arg-type]
    refused = await spending.reserve(call("m2", **limited))  # type: ignore[arg-type]
    detail = (
        f"shop.pay: its quota of 1 calls a hour for each {per} is used up: 1 were made, 0 are on their way; "
        "it starts anew at 2026-03-01T11:00:00Z"
    )
    assert refused == Failed(ErrorClass.DENIED, detail, retryable=True)  # In half a minute.
    clock.at += timedelta(seconds=30)
    await granted(spending, call("m2", **limited))  # type: ignore[arg-type]


def test_no_name_is_counted_as_another() -> None:
    quotas = {"quotas": tuple(Quota(per, 1) for per in QuotaPer)}
    first, second = call(**quotas), replace(call(**quotas), entity="u1/shop", agent=None, workflow="seller")  # type: ignore[arg-type]
    counted = [{quota.id for quota in quotas_of(one)} for one in (first, second)]
    assert [len(ids) for ids in counted] == [5, 5]
    assert counted[0] & counted[1] == {"tool/shop.pay", "tenant/acme/shop.pay"}


async def test_a_place_among_those_at_once_is_waited_for_and_a_rate_says_when(spending: Spending) -> None:
    grant = await granted(spending, call(cost_microdollars=0, concurrent_max=1))
    with pytest.raises(RetryLater, match="1 calls at once"):
        await spending.reserve(call("m2", cost_microdollars=0, concurrent_max=1, seconds=5.0))
    await grant.settle(0)
    await granted(spending, call("m2", cost_microdollars=0, concurrent_max=1))
    await granted(spending, call("m3", cost_microdollars=0, rate_limit_rpm=1))
    refused = await spending.reserve(call("m4", cost_microdollars=0, rate_limit_rpm=1, seconds=30.0))
    assert refused == Failed(
        ErrorClass.DENIED, "shop.pay: its limit of 1 calls a minute is reached; try again in 60.0 s", retryable=True
    )


async def test_a_command_that_is_delivered_again_counts_once(
    spending: Spending, connection: Connection, redis_server: RedisServer, clock: Clock
) -> None:
    limited = {"quotas": (Quota(QuotaPer.ENTITY, 5),), "concurrent_max": 1}
    first = await granted(spending, call(**limited))  # type: ignore[arg-type]
    async with another(connection, redis_server, clock) as successor:
        again = await granted(successor, call(**limited))  # type: ignore[arg-type]
        await again.release()  # It was not made here; the first may be making it.
        await first.release()  # It is late: the call is the successor's by now.
        assert await spending.money.gate.load_balance(EXECUTION, now=START) == HELD
        await again.settle(COST)
        await again.settle(COST)
        await first.settle(COST)
        assert await spending.money.gate.load_balance(EXECUTION, now=START) == SPENT
        assert len(await entries(connection, 1)) == 1


async def test_a_delivery_that_finds_its_predecessor_at_work_takes_nothing_from_it(
    spending: Spending, connection: Connection, redis_server: RedisServer, clock: Clock
) -> None:
    first = await granted(spending, call(concurrent_max=1))
    async with another(connection, redis_server, clock) as successor:
        await (await granted(successor, call(concurrent_max=1))).release()
        refused = await successor.reserve(call("m2", concurrent_max=1))
        assert isinstance(refused, Failed) and refused.error_class is ErrorClass.DENIED
    await first.settle(COST)
    assert await spending.money.gate.load_balance(EXECUTION, now=START) == SPENT


async def test_a_command_that_comes_back_to_the_same_process_may_still_be_given_back(spending: Spending) -> None:
    await granted(spending, call())
    await (await granted(spending, call())).release()
    assert await spending.money.gate.load_balance(EXECUTION, now=START) == Balance(0, 0, 0)


async def test_a_call_whose_process_died_counts_at_its_maximum_when_its_lease_ends(
    spending: Spending, connection: Connection, clock: Clock
) -> None:
    await spending.reserve(call(quotas=(Quota(QuotaPer.TOOL, 5),)))
    clock.at += timedelta(seconds=60)
    [entry] = await entries(connection, 1)
    assert (entry.standing, entry.tool, entry.request_id) == ("lapsed", "shop.pay", "m1")
    assert (entry.spent_microdollars, entry.calls, entry.quotas) == (COST, 1, ("calls:tool/shop.pay@day=2026-03-01",))


async def test_money_and_quotas_are_known_again_after_redis_lost_them(
    spending: Spending, connection: Connection
) -> None:
    asked = call(quotas=(Quota(QuotaPer.TENANT, 2),))
    await (await granted(spending, asked)).settle(COST)
    await entries(connection, 1)
    await granted(spending, replace(asked, command_id="m2"))
    gate = spending.money.gate
    await gate.redis.flushall()
    with pytest.raises(GateClosed):
        await spending.reserve(replace(asked, command_id="m3"))
    mark = gate.mark
    await wait_until(lambda: gate.opened.is_set() and gate.mark != mark)
    [quota] = quotas_of(asked)
    assert await gate.load_calls(quota, now=START) == (1, 1)
    assert await gate.load_balance(EXECUTION, now=START) == Balance(COST, COST, 0)


async def test_two_runners_with_two_hundred_callers_make_exactly_the_calls_of_the_quota(
    spending: Spending, connection: Connection, redis_server: RedisServer, clock: Clock
) -> None:
    limited = {"cost_microdollars": 0, "quotas": (Quota(QuotaPer.ENTITY, 40), Quota(QuotaPer.TOOL, 70))}
    made = {"u1": 0, "u2": 0}
    async with another(connection, redis_server, clock) as other:

        async def make(number: int) -> None:
            entity = f"u{number % 2 + 1}"
            asked = replace(call(f"m{number}", **limited), entity=entity)  # type: ignore[arg-type]
            answer = await (spending, other)[number // 2 % 2].reserve(asked)
            if isinstance(answer, Granted):
                await answer.settle(0)
                made[entity] += 1

        await asyncio.gather(*map(make, range(200)))
    assert sum(made.values()) == 70
    assert max(made.values()) <= 40
