"""With what does the tool runner count money and calls?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from redis.exceptions import RedisError

from cost_gate import Gate, KeepOpen, Lapsed, connect_gate
from cost_ledger import BudgetBook, Ledger, read_ledger, record_lapse, watched_budgets
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.errors import RetryLater


@dataclass(frozen=True, slots=True)
class Money:
    """The gate, shared with the gateway; what goes into the log; the caps that people set."""

    gate: Gate
    ledger: Ledger
    budgets: BudgetBook


@asynccontextmanager
async def opened_money(
    connection: Connection, redis_url: str, *, execution_cap_microdollars: int, now: Callable[[], datetime]
) -> AsyncIterator[Money]:
    """All of it, kept up to date for as long as the block runs; at its end what was spent is stored."""
    async with AsyncExitStack() as stack:
        gate = connect_gate(redis_url)
        stack.push_async_callback(gate.aclose)
        cap = execution_cap_microdollars
        budgets = await stack.enter_async_context(watched_budgets(connection.jetstream, execution_cap_microdollars=cap))
        ledger = Ledger(partial(publish, connection), gate.recorded, now)

        def lapsed(lapse: Lapsed) -> None:
            record_lapse(ledger, lapse, now=now())

        keeper = KeepOpen(gate, partial(read_ledger, connection), lapsed, now)
        with suppress(RetryLater, RedisError):  # Where the books are complete, no first call is put off.
            await keeper.look()
        stop, written = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as storing:
            storing.create_task(ledger.run(written))
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(keeper.run(stop))
                    try:
                        yield Money(gate, ledger, budgets)
                    finally:
                        stop.set()
            finally:
                written.set()
