"""Something did not go on although its time had come: drive it again (SPEC O11)."""

import asyncio
from collections.abc import Callable

import structlog
from prometheus_client import Counter

from orchestrator.adapters.overdue import OverdueTimers
from service_kit.errors import RetryLater
from service_kit.key_timers import KeyTimers

log = structlog.get_logger()
REDRIVEN = Counter("hil_executions_redriven_total", "Keys whose timer was overdue and that were driven again.")


async def sweep(
    timers: KeyTimers, overdue: OverdueTimers, *, now_ms: Callable[[], int], every_seconds: float, stop: asyncio.Event
) -> None:
    """Look through stored timers until `stop`; one that is late by two sweeps means that its firing was lost (storage
    was full when it was due). It is stored anew, so that it fires now; what follows is decided where every input is."""
    while not stop.is_set():
        try:
            late_ms = round(every_seconds * 2_000)
            for tenant, key in await overdue.next_batch(now_ms=now_ms(), late_ms=late_ms):
                log.warning("execution.redriven", tenant=tenant, key=key)
                REDRIVEN.inc()
                await timers.fire_now(tenant, key)
        except RetryLater as error:
            log.warning("sweep.again", reason=str(error))
        try:
            async with asyncio.timeout(every_seconds):
                await stop.wait()
        except TimeoutError:
            continue
