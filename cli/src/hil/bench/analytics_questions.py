"""Which questions do the dashboards ask, and how long does each answer take?"""

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from contracts.experiments import Experiments
from contracts.objectives import Bound, ConditionAlert, Metric, Objective, Slos
from contracts.streams import EXPERIMENTS_BUCKET, WORKFLOW_FACTS_BUCKET
from contracts.workflow_facts import WorkflowFacts, facts_key
from hil.bench.analytics_story import COMPARED, SPLIT, TENANT, WORKFLOWS, experiment
from service_kit.connection import connected

ASKED_EACH = 40
DAY_SECONDS = 86_400
RATES = ["executions", "success_rate", "handover_rate", "intervention_rate", "p95_latency_ms", "cost_per_request"]
HOURLY = ["p50_latency_ms", "p95_latency_ms", "success_rate", "cost_usd"]
TOKENS = ["tokens_input", "tokens_cached", "tokens_output"]


@dataclass(frozen=True, slots=True)
class Question:
    """A GET with `params`, or a POST of `body`. `is_of_page`: a view of the dashboards asks it; else only whoever asks
    the API does."""

    name: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    is_of_page: bool = True


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds: the first answer after the start, the median and the 95th percentile."""

    is_of_page: bool
    first_ms: float
    p50_ms: float
    p95_ms: float


def questions(*, days: int) -> list[Question]:
    """Those of each view over a day and over `days`, of all workflows and of one, and some of analysts."""
    week = {"from": _rfc3339(time.time() - days * DAY_SECONDS)}
    return [
        *_summaries(week),
        *_charts("day", "hour", {}),
        *_charts("week", "hour", week),
        *_kpis(week),
        *_of_analysts(week),
        Question("experiment", f"/v1/experiments/{TENANT}/{SPLIT.name}"),
        Question("slos", "/v1/slos", {"tenant": TENANT}),
        Question("burn-down", f"/v1/slos/{TENANT}/{WORKFLOWS[0]}/success/burn-down"),
        Question("alerts", "/v1/alerts", {"tenant": TENANT}),
        Question("patterns", "/v1/patterns", {"tenant": TENANT}),
        Question("executions", "/v1/executions", {"tenant": TENANT, **week}),
        Question("executions, failed", "/v1/executions", {"tenant": TENANT, "ended": "failed", **week}),
        Question("conversations", "/v1/conversations", {"tenant": TENANT, **week}),
    ]


def _summaries(week: Mapping[str, str]) -> list[Question]:
    one = {"workflow": WORKFLOWS[0], "tenant": TENANT}
    return [
        Question("summary, day", "/v1/summary", {"tenant": TENANT}),
        Question("summary, day, one", "/v1/summary", one),
        Question("summary, week", "/v1/summary", {"tenant": TENANT, **week}),
        Question("summary, week, one", "/v1/summary", {**one, **week}),
    ]


def _charts(period: str, bucket: str, since: Mapping[str, str]) -> list[Question]:
    def ask(name: str, figures: str, metrics: Sequence[str], **more: object) -> Question:
        body = {
            "figures": figures,
            "metrics": metrics,
            "filters": {"tenant": [TENANT]},
            "limit": 10_000,
            **since,
            **more,
        }
        return Question(f"{name}, {period}", "/v1/query", body=body)

    one = {"filters": {"tenant": [TENANT], "workflow": [WORKFLOWS[0]]}}
    return [
        ask("tiles", "executions", RATES),
        ask("by workflow", "executions", RATES, dimensions=["workflow"]),
        ask("hourly cost by workflow", "executions", ["cost_usd"], dimensions=["workflow"], bucket=bucket),
        ask("hourly, one", "executions", HOURLY, bucket=bucket, **one),
        ask("hourly cost by model", "completions", ["cost_usd"], dimensions=["model"], bucket=bucket),
        ask("hourly tokens", "completions", TOKENS, bucket=bucket),
        ask("nodes, one", "nodes", ["runs", "failure_rate", "p95_latency_ms"], dimensions=["node", "agent"], **one),
        ask("tools", "tools", ["calls", "failure_rate", "p95_latency_ms"], dimensions=["tool"]),
        ask("handovers", "executions", ["counts"]),
        ask("hourly queue", "messages", ["handovers_opened", "handovers_claimed"], bucket=bucket),
        ask("people", "people", ["claims", "replies"], dimensions=["person"]),
    ]


def _kpis(week: Mapping[str, str]) -> list[Question]:
    before, one = {"compare": "previous_period", "tenant": TENANT}, {"workflow": COMPARED}
    return [
        Question("kpis, day", "/v1/kpis", before),
        Question("kpis, day, one", "/v1/kpis", {**before, **one}),
        Question("kpis, week", "/v1/kpis", {**before, **week}),
        Question("kpis, week, one", "/v1/kpis", {**before, **one, **week}),
    ]


def _of_analysts(week: Mapping[str, str]) -> list[Question]:
    versions = {"tenant": TENANT, "workflow": COMPARED, "version": "1.1.0", "compare_version": "1.0.0"}
    by_workflow = {"figures": "executions", "metrics": HOURLY, "dimensions": ["workflow"], "bucket": "hour"}
    body = {**by_workflow, "filters": {"tenant": [TENANT]}, "limit": 10_000}
    return [
        Question("versions by kpis, week", "/v1/kpis", {**versions, **week}, is_of_page=False),
        Question("hourly percentiles by workflow, day", "/v1/query", body=body),
        Question("hourly percentiles by workflow, week", "/v1/query", body={**body, **week}, is_of_page=False),
    ]


async def declare(nats_url: str, *, started_ms: int) -> None:
    """The experiment, and what a workflow promises."""
    bound = Bound(metric=Metric.SUCCESS_RATE, comparison=">=", threshold=0.9)
    alert = ConditionAlert(bound=Bound(metric=Metric.LATENCY_P95, comparison=">", threshold=20_000))
    slos = Slos(objectives=(Objective(name="success", bound=bound),), alerts=(alert,))
    facts = WorkflowFacts(workflow=WORKFLOWS[0], version="1.0.0", content_hash="hash", slos=slos)
    async with connected(nats_url, service="bench") as connection:
        known = Experiments().with_started(experiment(started_ms=started_ms))
        experiments = await connection.jetstream.key_value(EXPERIMENTS_BUCKET)
        await experiments.put(TENANT, known.model_dump_json().encode())
        published = await connection.jetstream.key_value(WORKFLOW_FACTS_BUCKET)
        await published.put(facts_key(TENANT, WORKFLOWS[0]), facts.model_dump_json().encode())


async def timed(base_url: str, asked: Sequence[Question], *, seed: int) -> dict[str, Timed]:
    """Each question so many times, in turn with all others, one after the other."""
    rng, found = random.Random(seed), dict[str, list[float]]()  # noqa: S311
    async with aiohttp.ClientSession(base_url) as session:
        for _ in range(ASKED_EACH):
            for question in rng.sample(asked, len(asked)):
                found.setdefault(question.name, []).append(await milliseconds(session, question))
    is_of_page = {question.name: question.is_of_page for question in asked}
    return {
        name: Timed(is_of_page[name], ms[0], statistics.median(ms), statistics.quantiles(ms, n=20)[18])
        for name, ms in found.items()
    }


async def milliseconds(session: aiohttp.ClientSession, question: Question) -> float:
    """How long one answer takes. Raises RuntimeError where it is none."""
    method, began = "GET" if question.body is None else "POST", time.perf_counter()
    async with session.request(method, question.path, params=question.params, json=question.body) as response:
        text = await response.text()
    if response.status != 200:
        raise RuntimeError(f"{question.name}: {response.status} {text[:500]}")
    return (time.perf_counter() - began) * 1_000


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
