"""`hil bench analytics`: how fast is the log counted, how exactly, and how fast are questions to a full store?"""

import math
import random
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import uvloop

from analytics.adapters.figure_store import FigureStore
from analytics.domain.cells import DAY_MS
from analytics.domain.rollup import Settled
from analytics.handlers.count_messages import Arrived, CountMessages
from contracts.envelope import LogEntry
from document_store import opened_store
from hil.bench.analytics_questions import Question, Timed, declare, milliseconds, questions, timed
from hil.bench.analytics_stack import AnalyticsStack, fill_log
from hil.bench.analytics_story import SPLIT, TENANT, WORKFLOWS, conversation
from hil.bench.analytics_tally import Tally

SEED = 1
BATCH = 4_000
DAYS = 7
CONVERSATIONS = 100
PERCENTILES = {"latency_ms_p50": 0.50, "latency_ms_p95": 0.95}


@dataclass(frozen=True, slots=True)
class AnalyticsFigures:
    """`ingest_per_s` is by the clock, `ingest_per_cpu_s` by the CPU of the service alone. Errors are the sums of
    differences from an independent count, percentiles the largest difference from the exact ones, as a share.
    `query_p50_ms` and `query_p95_ms` are those of the slowest question of the dashboards, `queries` has each."""

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
    queries: Mapping[str, Timed]


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
            started_ms = time.time_ns() // 1_000_000 - DAYS * DAY_MS
            await declare(stack.server.url, started_ms=started_ms)
            began = time.perf_counter()
            await stack.start_service()
            await stack.counted_through(last)
            seconds, cpu_seconds = time.perf_counter() - began, stack.service.cpu_seconds()
            found = await summary(stack)
            worth_errors = await worth_differences(stack, tally, since=time.time() - DAY_MS / 1_000)
            stack.service.kill()
            await fill_store(stack.store_url, self.executions)
            await stack.start_service()
            queries = await timed(stack.service.base_url, questions(days=DAYS), seed=SEED)
            conversations = await _conversations(stack, self.executions)
            rss_mb = stack.service.rss_mb()
        finally:
            stack.stop()
        return AnalyticsFigures(
            events=last,
            ingest_per_s=last / seconds,
            ingest_per_cpu_s=last / cpu_seconds,
            count_errors=count_errors(found, tally) + worth_errors,
            microdollar_errors=microdollar_errors(found, tally),
            percentile_error=_percentile_error(found, tally),
            executions=self.executions,
            query_p50_ms=max(one.p50_ms for one in queries.values() if one.is_of_page),
            query_p95_ms=max(one.p95_ms for one in queries.values() if one.is_of_page),
            conversation_p95_ms=statistics.quantiles(conversations, n=20)[18],
            rss_mb=rss_mb,
            queries=queries,
        )


async def fill_store(url: str, executions: int) -> None:
    """Conversations of the last `DAYS` days, counted by the service's own fold without a server between."""
    async with opened_store(url) as store:
        figures = FigureStore(store)
        await figures.prepare()
        await _fold(figures, executions)


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


async def _conversations(stack: AnalyticsStack, executions: int) -> list[float]:
    """Milliseconds of single conversations."""
    rng = random.Random(SEED)  # noqa: S311
    asked = [f"/v1/conversations/{TENANT}/f-c{rng.randrange(executions)}" for _ in range(CONVERSATIONS)]
    async with aiohttp.ClientSession(stack.service.base_url) as session:
        return [await milliseconds(session, Question("conversation", path)) for path in asked]


async def worth_differences(stack: AnalyticsStack, tally: Tally, *, since: float) -> int:
    """Sum of the differences of KPIs, workflow by workflow, and of the arms of the experiment."""
    wrong = 0
    for workflow in WORKFLOWS:
        period = urlencode({"tenant": TENANT, "workflow": workflow, "from": _rfc3339(since)})
        answer = await stack.answered(f"/v1/kpis?{period}")
        wrong += tally.worth_differences(workflow, answer["period"]["figures"])
    report = (await stack.answered(f"/v1/experiments/{TENANT}/{SPLIT.name}"))["report"]
    return wrong + tally.arm_differences(report["arms"])


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


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
