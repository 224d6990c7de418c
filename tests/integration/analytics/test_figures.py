"""Figures over HTTP equal what was published, through repeats, replicas and kills."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from nats.js.errors import NotFoundError

from analytics.app import serve
from analytics.settings import Settings
from contracts.completions import CompletionProduced
from contracts.envelope import Identity, derive_message_id
from contracts.handovers import HandoverClaimed, HandoverResolved
from contracts.streams import ANALYTICS, LOG
from hil.embedded.ports import free_port
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.log import Log
from tests.support.child_service import ChildService
from tests.support.handovers import ended, opened, put
from tests.support.kit import TENANT, kit, say
from tests.support.running_service import is_ready, running_service
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


def settings_for(server: NatsServer, store: str) -> Settings:
    """Open to all on loopback: who may ask is the matter of test_security.py."""
    return Settings(nats_url=server.url, store_url=store, http_port=free_port(), log_level="error", access="open")


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store: SQLite, or MongoDB where a test asks for it."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/analytics.sqlite3"
    return f"{request.getfixturevalue('mongo_server')}/analytics_{re.sub(r'[^A-Za-z0-9]', '', tmp_path.name)[-40:]}"


ON_BOTH_STORES = pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)


async def summary(session: aiohttp.ClientSession, **params: str) -> dict[str, Any]:
    async with session.get("/v1/summary", params=params) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def counted(session: aiohttp.ClientSession, sequence: int, *, timeout_seconds: float = 20) -> None:
    """Wait until everything up to a sequence is counted."""

    async def reached() -> bool:
        return bool((await summary(session))["as_of_seq"] >= sequence)

    await wait_until(reached, timeout_seconds=timeout_seconds)


async def end(connection: Connection, numbers: Sequence[int], **fields: object) -> int:
    """Executions that end, each in a conversation of its own; the last one's sequence."""
    messages = [ended(f"x{n}", turn_id="1", cost_microdollars=n, **fields) for n in numbers]
    pairs = zip(messages, numbers, strict=True)
    return max(await asyncio.gather(*(put(connection, message, f"c{n}") for message, n in pairs)))


@ON_BOTH_STORES
async def test_figures_follow_the_definitions_of_success_and_handover(nats_server: NatsServer, store_url: str) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        await end(connection, range(6))
        await end(connection, [6], sink="HANDOVER", reason="customer_request")
        await end(connection, [7], sink="HANDOVER", reason="timeout", success=False)
        await end(connection, [8], sink="HANDOVER", reason="timeout", success=False, default_response=True)
        await say(connection, "c0", "1")
        await put(connection, opened("h1"), "c7")
        last = await end(connection, [9], workflow="returns", finished_ms=11_000)
        await counted(session, last)
        found = await summary(session)
        total, support = found["total"], found["workflows"]["support"]
        assert (total["executions"], total["successes"], total["handovers"]) == (10, 8, 3)
        assert total["cost_microdollars"] == sum(range(10))
        assert total["counts"]["messages_received"] == 1
        assert total["counts"]["handovers_opened_by_reason.customer_request"] == 1
        assert support["success_rate"] == pytest.approx(7 / 9)
        assert support["handover_rate"] == support["intervention_rate"] == pytest.approx(3 / 9)
        assert support["counts"]["handovers_by_reason.timeout"] == 2
        assert support["default_responses"] == 1
        assert support["latency_ms_p50"] == pytest.approx(1_000, rel=0.02)
        assert found["workflows"]["returns"]["latency_ms_p95"] == pytest.approx(10_000, rel=0.02)
        assert (await summary(session, workflow="returns"))["total"]["executions"] == 1
        assert (await summary(session, tenant="globex"))["total"]["success_rate"] is None
        assert (await summary(session, to="2020-01-01T00:00:00Z"))["total"]["executions"] == 0
        async with session.get("/metrics") as response:
            assert 'hil_executions_total{reason="timeout",sink="HANDOVER",success="false"' in await response.text()


@ON_BOTH_STORES
async def test_questions_are_answered_and_wrong_ones_are_told_what_can_be_asked(
    nats_server: NatsServer, store_url: str
) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        await end(connection, range(4))
        await counted(session, await end(connection, [4, 5], workflow="returns", success=False, sink="HANDOVER"))
        asked = {
            "metrics": ["executions", "success_rate", "p95_latency_ms"], "dimensions": ["workflow"],
            "filters": {"tenant": [TENANT]}, "order_by": "-executions",
        }  # fmt: skip
        found = await queried(session, asked)
        assert [(row["workflow"], row["executions"], row["success_rate"]) for row in found["rows"]] == [
            ("support", 4, 1.0),
            ("returns", 2, 0.0),
        ]
        found = await queried(session, {**asked, "bucket": "minute", "limit": 1})
        assert found["rows"][0]["bucket_ms"] % 60_000 == 0
        wrong = {"metrics": ["succes_rate"], "dimensions": ["city"], "order_by": "x"}
        told = {one["field"]: one["problem"] for one in (await queried(session, wrong, status=422))["problems"]}
        assert "did you mean success_rate?" in told["metrics.0"]
        assert set(told) == {"metrics.0", "dimensions", "order_by"}
        years = {"from": "2020-01-01T00:00:00Z", "metrics": ["executions"], "bucket": "minute"}
        assert "longer ones" in (await queried(session, years, status=422))["problems"][0]["problem"]
        async with session.get("/v1/metrics") as response:
            assert "p95_latency_ms" in (await response.json())["executions"]["metrics"]


async def queried(session: aiohttp.ClientSession, asked: object, *, status: int = 200) -> dict[str, Any]:
    async with session.post("/v1/query", json=asked) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == status, answer
        return answer


@ON_BOTH_STORES
async def test_a_conversation_tells_who_waited_and_who_had_it(nats_server: NatsServer, store_url: str) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        await say(connection, "c1", "1", "a person, please")
        await put(connection, opened("h1"), "c1")
        claimed = HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="ana", agent_id="ana")
        await put(connection, claimed, "c1")
        resolved = HandoverResolved(handover_id="h1", ownership_epoch=2, actor_id="ana")
        await counted(session, await put(connection, resolved, "c1"))
        async with session.get(f"/v1/conversations/{TENANT}/c1") as response:
            text = await response.text()
            found = await response.json()
        assert (found["messages"], found["resolution"]) == ({"customer": 1}, "resolved")
        [handover] = found["handovers"]
        assert handover["reason"] == "customer_request" and handover["wait_ms"] >= 0
        assert [turn["person"] for turn in found["turns"]] == ["ana"]
        assert "person, please" not in text
        async with session.get(f"/v1/conversations/{TENANT}/c2") as response:
            assert response.status == 404


@ON_BOTH_STORES
async def test_an_execution_can_be_looked_up_and_shows_nothing_personal(
    nats_server: NatsServer, store_url: str
) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        await counted(session, await end(connection, [1, 2], output={"secret": "4111"}, detail="4111"))
        async with session.get(f"/v1/executions/{TENANT}/c1") as response:
            text = await response.text()
        [found] = (await response.json())["executions"]
        assert (found["execution_id"], found["workflow"], found["cost_microdollars"]) == ("x1", "support", 1)
        assert "4111" not in text
        async with session.get("/v1/workflows") as response:
            assert [known["workflow"] for known in (await response.json())["workflows"]] == ["support"]


@ON_BOTH_STORES
async def test_an_end_that_is_stored_twice_counts_once(nats_server: NatsServer, store_url: str) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        identity = Identity(TENANT, "c1", derive_message_id("x1", "end"), "cause")
        fence = 0
        for _ in range(3):  # A fenced decision carries no message id, so the server stores it again.
            fence = (await Log(connection).append(ended("x1"), identity, fence=fence)).sequence
        await counted(session, fence)
        assert (await summary(session))["total"]["executions"] == 1


@ON_BOTH_STORES
async def test_two_replicas_count_every_message_once(nats_server: NatsServer, store_url: str) -> None:
    first, second = settings_for(nats_server, store_url), settings_for(nats_server, store_url)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(kit(nats_server.url))
        sessions = [
            await stack.enter_async_context(
                running_service(lambda stop, ready, s=s: serve(s, stop=stop, ready=ready), s.http_port)
            )
            for s in (first, second)
        ]
        last = await end(connection, range(2_000))
        await counted(sessions[0], last, timeout_seconds=90)  # The stand-in of MongoDB writes some hundred a second.
        for session in sessions:
            total = (await summary(session))["total"]
            assert (total["executions"], total["cost_microdollars"]) == (2_000, sum(range(2_000)))


async def test_a_consumer_that_starts_again_from_the_beginning_changes_nothing(
    nats_server: NatsServer, store_url: str
) -> None:
    async with kit(nats_server.url) as connection:
        for again in range(3):
            settings = settings_for(nats_server, store_url)
            served = running_service(
                lambda stop, ready, s=settings: serve(s, stop=stop, ready=ready), settings.http_port
            )
            async with served as session:
                last = await end(connection, range(again * 100, again * 100 + 100))
                await counted(session, last)
                assert (await summary(session))["total"]["executions"] == (again + 1) * 100
            await connection.jetstream.delete_consumer(LOG.name, ANALYTICS.name)


@pytest.mark.slow
async def test_kills_under_load_lose_and_double_nothing(
    nats_server: NatsServer, store_url: str, tmp_path: Path
) -> None:
    port, kills, each = free_port(), 4, 2_500
    environment = {
        "ANALYTICS_NATS_URL": nats_server.url,
        "ANALYTICS_STORE_URL": store_url,
        "ANALYTICS_HTTP_PORT": str(port),
        "ANALYTICS_LOG_LEVEL": "error",
        "ANALYTICS_ACCESS": "open",
    }
    service = ChildService("analytics", environment, tmp_path / "analytics.log")
    async with kit(nats_server.url) as connection, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for round_ in range(kills):
            last = await load(connection, range(round_ * each, (round_ + 1) * each))
            service.start()
            await wait_until(lambda: in_the_middle(connection), timeout_seconds=60, every_seconds=0.001)
            service.kill()
        in_hand = (await connection.jetstream.consumer_info(LOG.name, ANALYTICS.name)).num_ack_pending
        service.start()
        await wait_until(lambda: is_ready(session), timeout_seconds=30)
        await counted(session, last, timeout_seconds=90)
        assert in_hand
        total = (await summary(session))["total"]
        assert total["executions"] == total["turns"] == kills * each
        assert total["cost_microdollars"] == sum(range(kills * each))
        assert total["counts"]["completions_produced"] == kills * each
        assert total["counts"]["completion_cost_microdollars"] == 7 * kills * each
        assert service.stop() == 0


async def in_the_middle(connection: Connection) -> bool:
    """Whether the service has messages in hand, and more are waiting."""
    try:
        info = await connection.jetstream.consumer_info(LOG.name, ANALYTICS.name)
    except NotFoundError:
        return False
    return bool(info.num_ack_pending and info.num_pending and info.num_pending < 6_000)


async def load(connection: Connection, numbers: Sequence[int]) -> int:
    """For each number a completion, twice under the same id, and an end; the last sequence."""
    last = 0
    for start in range(0, len(numbers), 100):
        some = numbers[start : start + 100]
        for _ in range(2):
            await asyncio.gather(*(completed(connection, number) for number in some))
        last = await end(connection, some)
    return last


async def completed(connection: Connection, number: int) -> int:
    message = CompletionProduced(command_id=f"cmd{number}", model="m", cost_microdollars=7)
    identity = Identity(TENANT, f"c{number}", derive_message_id(f"c{number}", "completed"), "cause")
    return await publish(connection, message, identity)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/v1/summary?from=yesterday", "from"),
        ("/v1/summary?from=2026-01-01T00:00:00", "timezone"),
        ("/v1/summary?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "is not before to"),
        ("/v1/summary?tenant=a.b", "tenant"),
        ("/v1/workflows?limit=0", "greater than or equal to 1"),
        ("/v1/workflows?cursor=nonsense", "cursor"),
        ("/v1/executions/a.b/c1", "tenant"),
    ],
)
async def test_a_wrong_question_is_refused_with_a_clear_text(
    nats_server: NatsServer, store_url: str, path: str, text: str
) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with served as session, session.get(path) as response:
        assert response.status == 422
        assert text in await response.text()
