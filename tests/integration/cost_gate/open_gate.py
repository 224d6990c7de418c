"""A gate whose books are known to be complete."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from cost_gate import Gate, KeepOpen, Lapsed, LedgerDelta, connect_gate


async def nothing_recorded() -> AsyncGenerator[LedgerDelta, None]:
    """A ledger without an entry."""
    entries: tuple[LedgerDelta, ...] = ()
    for entry in entries:
        yield entry


@asynccontextmanager
async def open_gate(url: str, *, empty: bool = False) -> AsyncIterator[Gate]:
    """Connected and opened, on books that are emptied first if `empty`."""
    gate = connect_gate(url, connections_max=64)
    try:
        if empty:
            await gate.redis.flushall()
        lapsed: list[Lapsed] = []
        await KeepOpen(gate, nothing_recorded, lapsed.append, lambda: datetime(2026, 1, 1, tzinfo=UTC)).look()
        assert gate.opened.is_set()
        yield gate
    finally:
        await gate.aclose()
