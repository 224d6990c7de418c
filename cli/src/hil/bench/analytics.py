"""`hil bench analytics`: how fast is the log counted, how exactly, and how fast are questions to a full store?"""

import math
import random
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from analytics.adapters.figure_store import FigureStore
from analytics.domain.cells import DAY_MS
from analytics.domain.rollup import Settled
from analytics.handlers.count_messages import Arrived, CountMessages
from contracts.envelope import LogEntry
from document_store import open_store
from hil.bench.analytics_stack import AnalyticsStack, fill_log
from hil.bench.analytics_story import TENANT, WORKFLOWS, conversation
from hil.bench.analytics_tally import Tally

SEED = 1
BATCH = 4_000
DAYS = 7
QUESTIONS = 100
PERCENTILES = {"latency_ms_p50": 0.50, "latency_ms_p95": 0.95}


@dataclass(frozen=True, slots=True)
class AnalyticsFigures:
    """`ingest_per_s` is by the clock, `ingest_per_cpu_s` by the CPU of the service alone. Errors are the sums of
    differences from an independent count, percentiles the largest difference from the exact ones, as a share."""

    events: int
    ingest_per_s: float
    ingest_per_cpu_s: float
    count_errors: int
    microdollar_errors: int
    percentile_error: float
    executions: int
    query_p50_ms: float
    query_p95_ms: float
    conversation_p95_ms: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class AnalyticsBench:
    """One measurement in `directory`."""

    directory: Path
    events: int
    executions: int

    def figures(self) -> AnalyticsFigures:
        """Both stages: counting a log that is there, then questions to a store that is full."""
        return uvloop.run(self._measure())

    async def _measure(self) -> AnalyticsFigures:
        stack = AnalyticsStack(self.directory)
        stack.start_server()
        try:
            tally, last = await fill_log(stack.server, self.events, seed=SEED)
            began = time.perf_counter()
            await stack.start_service()
            await stack.counted_through(last)
            seconds, cpu_seconds = time.perf_counter() - began, stack.service.cpu_seconds()
            found = await summary(stack)
            stack.service.kill()
            await fill_store(stack.store_url, self.executions)
            await stack.start_service()
            queries, conversations = await _questions(stack, self.executions)
            rss_mb = stack.service.rss_mb()
        finally:
            stack.stop()
        return AnalyticsFigures(
            events=last,
            ingest_per_s=last / seconds,
            ingest_per_cpu_s=last / cpu_seconds,
            count_errors=count_errors(found, tally),
            microdollar_errors=microdollar_errors(found, tally),
            percentile_error=_percentile_error(found, tally),
            executions=self.executions,
            query_p50_ms=statistics.median(queries),
            query_p95_ms=statistics.quantiles(queries, n=20)[18],
            conversation_p95_ms=statistics.quantiles(conversations, n=20)[18],
            rss_mb=rss_mb,
        )


async def fill_store(url: str, executions: int) -> None:
    """Conversations of the last `DAYS` days, counted by the service's own fold without a server between."""
    store = await open_store(url)
    try:
        figures = FigureStore(store)
        await figures.prepare()
        await _fold(figures, executions)
    finally:
        await store.close()


async def _fold(figures: FigureStore, executions: int) -> None:
    sequence = floor = 0

    async def settled() -> Settled:
        return Settled("filled", floor)

    count, rng = CountMessages(figures, settled, on_counted=lambda _: None), random.Random(SEED)  # noqa: S311
    batch = list[Arrived]()
    since_ms = time.time_ns() // 1_000_000 - DAYS * DAY_MS
    for number in range(executions):
        at_ms = since_ms + number * DAYS * DAY_MS // executions
        for key, message in conversation(number, rng):
            sequence += 1
            entry = LogEntry(sequence, at_ms, f"filled-{sequence}", message, 300)
            batch.append(Arrived(TENANT, f"f-{key}", entry))
        if len(batch) >= BATCH or number == executions - 1:
            await count.count(batch)
            floor, batch = sequence, []


async def summary(stack: AnalyticsStack, *, since: float = 0.0, until: float | None = None) -> Mapping[str, Any]:
    """What the service says of a period, in Unix seconds; of all time until now unless told otherwise."""
    period = {"from": _rfc3339(since), "to": _rfc3339(time.time() if until is None else until)}
    async with aiohttp.ClientSession(stack.service.base_url) as session:
        response = await session.get("/v1/summary", params=period)
        answer: Mapping[str, Any] = await response.json()
        return answer


async def _questions(stack: AnalyticsStack, executions: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each: figures of a day and a week, in all and of a workflow; and single conversations."""
    rng = random.Random(SEED)  # noqa: S311
    week = {"from": _rfc3339(time.time() - DAYS * DAY_MS / 1_000), "tenant": TENANT}
    asked: list[dict[str, str]] = [
        {"tenant": TENANT}, {"tenant": TENANT, "workflow": WORKFLOWS[0]}, week, {**week, "workflow": WORKFLOWS[1]},
    ]  # fmt: skip
    async with aiohttp.ClientSession(stack.service.base_url) as session:
        queries = [await _timed(session, "/v1/summary", asked[n % len(asked)]) for n in range(QUESTIONS)]
        keys = [rng.randrange(executions) for _ in range(QUESTIONS)]
        conversations = [await _timed(session, f"/v1/conversations/{TENANT}/f-c{key}", {}) for key in keys]
    return queries, conversations


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


async def _timed(session: aiohttp.ClientSession, path: str, params: Mapping[str, str]) -> float:
    began = time.perf_counter()
    async with session.get(path, params=params) as response:
        await response.read()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status}")
    return (time.perf_counter() - began) * 1_000


def microdollar_errors(found: Mapping[str, Any], tally: Tally) -> int:
    """Sum of the differences in cost, workflow by workflow."""
    return _difference(found, tally.microdollars, "cost_microdollars")


def count_errors(found: Mapping[str, Any], tally: Tally) -> int:
    """Sum of the differences in executions, successes, handovers, workflow by workflow, and customers' messages."""
    pairs = {"executions": tally.executions, "successes": tally.successes, "handovers": tally.handovers}
    wrong = sum(_difference(found, expected, name) for name, expected in pairs.items())
    received = int(found["total"]["counts"].get("messages_received", 0))
    return wrong + abs(received - tally.messages)


def _difference(found: Mapping[str, Any], expected: Mapping[str, int], name: str) -> int:
    told = {workflow: figures[name] for workflow, figures in found["workflows"].items()}
    return sum(abs(told.get(workflow, 0) - expected.get(workflow, 0)) for workflow in told.keys() | expected.keys())


def _percentile_error(found: Mapping[str, Any], tally: Tally) -> float:
    worst = 0.0
    for workflow, values in tally.latencies_ms.items():
        ordered = sorted(values)
        for name, share in PERCENTILES.items():
            exact = ordered[max(1, math.ceil(share * len(ordered))) - 1]
            worst = max(worst, abs(found["workflows"][workflow][name] - exact) / exact)
    return worst
