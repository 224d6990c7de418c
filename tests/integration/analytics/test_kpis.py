"""KPIs over HTTP equal what was published, whatever was told how often."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from analytics.app import serve
from contracts.conversations import ConversationRated
from contracts.kpis import HandlingBaseline, KpiRecorded
from contracts.streams import ANALYTICS, LOG, WORKFLOW_FACTS_BUCKET
from contracts.workflow_facts import WorkflowFacts, facts_key
from hil.embedded.ports import free_port
from service_kit.connection import Connection
from tests.integration.analytics.test_figures import (
    ON_BOTH_STORES,
    counted,
    end,
    in_the_middle,
    settings_for,
    store_url,
)
from tests.support.child_service import ChildService
from tests.support.handovers import ended, opened, put
from tests.support.kit import TENANT, kit
from tests.support.running_service import is_ready, running_service
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

__all__ = ["store_url"]


async def asked(session: aiohttp.ClientSession, *, status: int = 200, **params: str) -> dict[str, Any]:
    async with session.get("/v1/kpis", params=params) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == status, answer
        return answer


async def declare_baseline(connection: Connection) -> None:
    """Put a version of `support` in force whose executions would take a person 100 s at $36 per hour."""
    baseline = HandlingBaseline(handling_ms=100_000, hour_microdollars=36_000_000)
    facts = WorkflowFacts(workflow="support", version="1", content_hash="h", baseline=baseline)
    bucket = await connection.jetstream.key_value(WORKFLOW_FACTS_BUCKET)
    await bucket.put(facts_key(TENANT, "support"), facts.model_dump_json().encode())


@ON_BOTH_STORES
async def test_what_a_period_was_worth_is_told_to_the_micro_dollar(nats_server: NatsServer, store_url: str) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection:
        await declare_baseline(connection)
        async with served as session:
            await put(connection, ended("x1", cost_microdollars=40_000, started_ms=0, finished_ms=30_000), "c1")
            sale = {"outcome": "sale_completed", "metadata": {"order_value": 129.9, "currency": "EUR"}}
            await put(connection, ended("x2", **sale), "c2")
            await put(connection, ended("x3", sink="HANDOVER", reason="customer_request", cost_microdollars=7), "c3")
            await put(connection, opened("h3"), "c3")
            order = KpiRecorded(kpi_id="W7", name="revenue", value_micros=20_000_000, currency="EUR")
            for again in range(3):  # Under other message ids, as after the server's window of deduplication.
                await put(connection, order, "c1", name=str(again))
            await put(connection, KpiRecorded(kpi_id="stay", name="retention"), "c3")
            await put(connection, ConversationRated(rating=5), "c1")
            last = await put(connection, ConversationRated(rating=2), "c3")
            await counted(session, last)
            found = await asked(session, tenant=TENANT, workflow="support")
            figures = found["period"]["figures"]
            assert found["baseline"] == {"handling_ms": 100_000, "hour_microdollars": 36_000_000}
            assert (figures["executions"], figures["unaided"]) == (3, 2)
            assert figures["time_saved_ms"] == 70_000 + 99_000
            assert figures["cost_saved_microdollars"] == 2 * 1_000_000 - 40_000 - 7
            assert figures["revenue_micros"] == {"EUR": 149_900_000}
            assert {name: one["count"] for name, one in figures["events"].items()} == {"retention": 1, "revenue": 2}
            assert {by: one["mean"] for by, one in figures["csat"].items()} == {"ai_only": 5.0, "handed_over": 2.0}
            assert found["as_of_seq"] >= last and found["against"] is None
            async with session.get(f"/v1/conversations/{TENANT}/c1") as response:
                [kpi] = (await response.json())["kpis"]
            assert (kpi["name"], kpi["currency"], kpi["micros"]) == ("revenue", "EUR", 20_000_000)
            assert (await asked(session, tenant="globex"))["period"]["figures"]["events"] == {}


@ON_BOTH_STORES
async def test_versions_and_periods_are_compared(nats_server: NatsServer, store_url: str) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        await end(connection, range(4))
        await counted(session, await end(connection, [8, 9], version="2", finished_ms=11_000))
        found = await asked(session, workflow="support", version="2", compare_version="1")
        assert (found["period"]["figures"]["executions"], found["against"]["figures"]["executions"]) == (2, 4)
        difference = found["against"]["differences"]["time_saved_ms_per_execution"]
        assert difference == {"difference": -9_000, "low": None, "high": None, "is_clear": False}
        found = await asked(session, workflow="support", compare="previous_period")
        assert found["against"]["to_ms"] == found["period"]["from_ms"]
        assert found["against"]["figures"]["executions"] == 0


async def test_a_consumer_that_starts_again_books_nothing_twice(nats_server: NatsServer, store_url: str) -> None:
    async with kit(nats_server.url) as connection:
        for again in range(2):
            settings = settings_for(nats_server, store_url)
            served = running_service(
                lambda stop, ready, s=settings: serve(s, stop=stop, ready=ready), settings.http_port
            )
            async with served as session:
                order = KpiRecorded(kpi_id=f"W{again}", name="revenue", currency="EUR")
                await counted(session, await put(connection, order, "c1", name=str(again)))
                figures = (await asked(session))["period"]["figures"]
                assert figures["revenue_micros"] == {"EUR": (again + 1) * 1_000_000}
            await connection.jetstream.delete_consumer(LOG.name, ANALYTICS.name)


WRONG = [
    ({"version": "1"}, "name the workflow too"),
    ({"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "is not before to"),
    ({"compare": "last_year"}, "previous_period"),
    ({"workflw": "support"}, "workflw"),
    ({"tenant": "a.b"}, "tenant"),
]


async def test_wrong_questions_about_kpis_are_refused_with_a_clear_text(
    nats_server: NatsServer, store_url: str
) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with served as session:
        told = [str(await asked(session, status=422, **params)) for params, _ in WRONG]
    assert [text in answer for answer, (_, text) in zip(told, WRONG, strict=True)] == [True] * len(WRONG)


@pytest.mark.slow
async def test_kills_under_load_lose_and_double_no_revenue(
    nats_server: NatsServer, store_url: str, tmp_path: Path
) -> None:
    port, kills, each = free_port(), 2, 2_000
    environment = {
        "ANALYTICS_NATS_URL": nats_server.url,
        "ANALYTICS_STORE_URL": store_url,
        "ANALYTICS_HTTP_PORT": str(port),
        "ANALYTICS_ACCESS": "open",
        "ANALYTICS_LOG_LEVEL": "error",
    }
    service = ChildService("analytics", environment, tmp_path / "analytics.log")
    async with kit(nats_server.url) as connection, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for round_ in range(kills):
            last = await sell(connection, range(round_ * each, (round_ + 1) * each))
            service.start()
            await wait_until(lambda: in_the_middle(connection), timeout_seconds=60, every_seconds=0.001)
            service.kill()
        service.start()
        await wait_until(lambda: is_ready(session), timeout_seconds=30)
        await counted(session, last, timeout_seconds=90)
        figures = (await asked(session))["period"]["figures"]
        assert figures["executions"] == figures["unaided"] == kills * each
        assert figures["events"]["revenue"]["count"] == kills * each
        assert figures["revenue_micros"] == {"EUR": sum(range(kills * each))}
        assert service.stop() == 0


async def sell(connection: Connection, numbers: Sequence[int]) -> int:
    """For each number an end and an order, which is told twice under other message ids; the last sequence."""
    last = 0
    for start in range(0, len(numbers), 100):
        some = numbers[start : start + 100]
        last = await end(connection, some)
        orders = {n: KpiRecorded(kpi_id="o", name="revenue", value_micros=n, currency="EUR") for n in some}
        for again in ("first", "again"):
            told = (put(connection, order, f"c{n}", name=again) for n, order in orders.items())
            last = max(await asyncio.gather(*told))
    return last
