"""The HTTP door: each request is one message on the bus, or a clear refusal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from contracts.envelope import PAYLOAD_BYTES_MAX
from contracts.kpis import KpiRecorded
from hil.embedded.ports import free_port
from tests.support.orchestrating import System, core
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


@asynccontextmanager
async def door(url: str, **settings: object) -> AsyncIterator[tuple[System, aiohttp.ClientSession]]:
    port = free_port()
    async with core(url, orchestrators=0) as system:
        await system.start_orchestrator(http_port=port, **settings)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:

            async def listens() -> bool:
                try:
                    return (await http.get("/healthz")).status == 200
                except aiohttp.ClientError:
                    return False

            await wait_until(listens)
            yield system, http


async def test_a_message_over_http_is_the_same_message_as_over_the_bus(nats_server: NatsServer) -> None:
    async with door(nats_server.url) as (system, http):
        body = {"turn_id": "1", "text": "hello"}
        first = await http.post("/v1/conversations/acme/c1/messages", json=body)
        assert first.status == 202
        await system.say("c1", "1", "hello")
        await system.until_finished("c1")
        shown = await (await http.get("/v1/conversations/acme/c1")).json()
        assert [line["text"] for line in shown["transcript"]] == ["hello", "you said: hello"]
        assert shown["status"] == "finished"


async def test_bad_requests_are_refused_with_field_value_and_limit(nats_server: NatsServer) -> None:
    async with door(nats_server.url) as (_, http):
        path = "/v1/conversations/acme/c1/messages"
        too_long = b'{"turn_id":"1","text":"' + b"x" * PAYLOAD_BYTES_MAX + b'"}'
        for data, status, said in (
            (b"{", 422, "Invalid JSON"),
            (b'{"turn_id":"1"}', 422, "text: Field required"),
            (b"\xff\xfe", 422, "Invalid JSON"),
            (too_long, 413, str(PAYLOAD_BYTES_MAX)),
        ):
            answer = await http.post(path, data=data)
            assert answer.status == status
            assert said in (await answer.json())["detail"]
        answer = await http.post("/v1/conversations/acme/a.b/messages", json={"turn_id": "1", "text": "x"})
        assert answer.status == 422
        assert "conversation 'a.b'" in (await answer.json())["detail"]
        assert (await http.get("/v1/conversations/acme/nobody")).status == 404


async def test_a_kpi_over_http_is_stored_once_and_starts_nothing(nats_server: NatsServer) -> None:
    async with door(nats_server.url) as (system, http):
        path = "/v1/conversations/acme/c1/kpis"
        body = {"kpi_id": "W7", "name": "revenue", "value_micros": 5_000_000, "currency": "EUR"}
        answers = [await http.post(path, json=body) for _ in range(2)]
        assert [answer.status for answer in answers] == [202, 202]
        assert len({(await answer.json())["as_of_seq"] for answer in answers}) == 1
        assert [entry.message for entry in await system.log("c1")] == [KpiRecorded.model_validate(body)]
        await system.say("c1", "1", "hello")
        await system.until_finished("c1")
        assert (await system.replayed("c1")).differences == ()
        for wrong, said in (
            ({"currency": "euro"}, "currency"),
            ({"value_micros": 1.5}, "value_micros"),
            ({"value_micros": 10**16}, "1000000000000000"),
            ({"kpi_id": "a.b"}, "kpi_id"),
            ({"name": "Revenue"}, "name"),
        ):
            answer = await http.post(path, json={**body, **wrong})
            assert answer.status == 422 and said in (await answer.json())["detail"]


async def test_intake_stops_before_storage_is_full(nats_server: NatsServer) -> None:
    async with door(nats_server.url, storage_bytes_max=1) as (_, http):

        async def refused() -> bool:
            answer = await http.post("/v1/conversations/acme/c1/messages", json={"turn_id": "1", "text": "x"})
            return answer.status == 503 and "full" in (await answer.json())["detail"]

        await wait_until(refused)
        assert "hil_storage_used_ratio" in await (await http.get("/metrics")).text()


async def test_a_standalone_execution_is_started_once(nats_server: NatsServer) -> None:
    async with door(nats_server.url) as (system, http):
        for _ in range(3):
            answer = await http.post("/v1/executions/acme/e1", json={"workflow": "echo", "input": {"a": 1}})
            assert answer.status == 202
        await system.until_finished("e1")
        assert len([entry for entry in await system.log("e1")]) == 4
        await system.assert_sound("e1")
