"""Something did not go on although its time had come: drive it again (SPEC O11)."""

import asyncio
from collections.abc import Callable

import structlog
from prometheus_client import Counter

from orchestrator.adapters.overdue import OverdueTimers
from service_kit.errors import RetryLater
from service_kit.key_timers import fire_now

log = structlog.get_logger()
REDRIVEN = Counter("hil_executions_redriven_total", "Keys whose timer was overdue and that were driven again.")


async def sweep(
    overdue: OverdueTimers, *, now_ms: Callable[[], int], every_seconds: float, stop: asyncio.Event
) -> None:
    """Look through the stored timers of all services until `stop`; one that is late by two sweeps means that its firing
    was lost (storage was full when it was due). It is stored anew, so that it fires now; what follows is decided where
    every input is."""
    while not stop.is_set():
        try:
            late_ms = round(every_seconds * 2_000)
            for subject in await overdue.next_batch(now_ms=now_ms(), late_ms=late_ms):
                purpose, tenant, key = subject.split(".")[-3:]
                log.warning("execution.redriven", purpose=purpose, tenant=tenant, key=key)
                REDRIVEN.inc()
                await fire_now(overdue.connection, subject)
        except RetryLater as error:
            log.warning("sweep.again", reason=str(error))
        try:
            async with asyncio.timeout(every_seconds):
                await stop.wait()
        except TimeoutError:
            continue
