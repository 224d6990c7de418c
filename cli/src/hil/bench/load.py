"""How fast do executions go through, and what does each take?"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil
from nats.aio.client import Client
from nats.aio.msg import Msg


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one load. Latencies are seen by the client: from before its publish to the arrival of the end."""

    executions_per_s: float
    p50_ms: float
    p99_ms: float


class Ends:
    """Waits for the end of executions by key, over one plain subscription."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def listen(self, client: Client, subject: str) -> None:
        async def arrived(msg: Msg) -> None:
            future = self._waiting.pop(msg.subject.rpartition(".")[2], None)
            if future is not None and not future.done():
                future.set_result(None)

        await client.subscribe(subject, cb=arrived, pending_msgs_limit=-1, pending_bytes_limit=-1)

    def of(self, key: str) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        return future


async def put_through(
    start: Callable[[str], Awaitable[object]], ends: Ends, *, keys: list[str], concurrency: int
) -> Timing:
    """Start an execution for each key, at most `concurrency` at once, and wait for all ends (60 s each)."""
    took: list[float] = []
    left = iter(keys)

    async def client() -> None:
        for key in left:
            ended, began = ends.of(key), time.perf_counter()
            await start(key)
            async with asyncio.timeout(60):
                await ended
            took.append((time.perf_counter() - began) * 1_000)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(concurrency)))
    seconds = time.perf_counter() - began
    hundredths = statistics.quantiles(took, n=100) if len(took) > 1 else [took[0]] * 99
    return Timing(len(keys) / seconds, statistics.median(took), hundredths[98])


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
