"""What happens to money, masked values and other models when an answer is streamed, or its reader goes away?"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.gateway_kit import Bench
from tests.integration.llm_gateway.speaking_model import SpeakingModel, speaking
from tests.integration.llm_gateway.test_http import TENANT, TOOL, ask, client, http_gateway
from tests.support.wait_until import wait_until

from contracts.costs import CostRecorded
from hil.replay_model import Rule

PERSONAL = "I am anna@example.com, card 4111 1111 1111 1111, call +49 151 23456789."
AS_ADMIN = {"authorization": "Bearer all"}


async def test_a_placeholder_cut_by_every_border_of_chunks_is_a_value_again(
    start_bench: StartBench, tmp_path: Path
) -> None:
    model = SpeakingModel()
    async with (
        speaking(model) as provider_url,
        http_gateway(start_bench, tmp_path, provider_url=provider_url) as (_, url),
        client(url) as gateway,
    ):
        chunks = [chunk async for chunk in await gateway.chat.completions.create(**ask(PERSONAL, stream=True))]
        called = await gateway.chat.completions.create(**ask(PERSONAL, stream=True, tools=[_tool()]))
        parts = [chunk.choices[0].delta.tool_calls async for chunk in called]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == PERSONAL
    arguments = "".join(part.function.arguments or "" for calls in parts for part in calls or [])
    assert json.loads(arguments) == {"said": PERSONAL}
    assert len(model.heard) == 2
    assert not any(value in str(model.heard) for value in ("anna@example.com", "4111 1111", "151 23456789"))


def _tool() -> dict[str, Any]:
    parameters = {"type": "object", "required": ["said"], "properties": {"said": {"type": "string"}}}
    return {**TOOL, "function": {"name": "note", "parameters": parameters}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_client_that_goes_away_stops_its_model_and_nothing_stays_held(
    start_bench: StartBench, tmp_path: Path, stream: bool
) -> None:
    model = SpeakingModel(characters_max=3)
    async with (
        speaking(model) as provider_url,
        http_gateway(start_bench, tmp_path, provider_url=provider_url) as (bench, url),
        aiohttp.ClientSession(headers=AS_ADMIN) as http,
    ):
        await _cap(http, url, 1_000_000)
        asking = asyncio.create_task(_read_one_line(url, stream=stream))
        await wait_until(lambda: _is(len(model.heard) == 1))
        if stream:  # It leaves between the first chunk and the second, while more are on their way.
            assert (await asking).startswith(b"data: ")
        asking.cancel()
        await wait_until(lambda: _is(model.hung_up == 1))

        async def settled() -> bool:
            spent, held = await _spent_and_held(http, url)
            return spent > 0 and held == 0

        await wait_until(settled)
        assert len(model.heard) == 1
        await wait_until(lambda: _outcomes_are(bench, ["cancelled"]))


async def _outcomes_are(bench: Bench, wanted: list[str]) -> bool:
    """What the ledger says of the requests, with what they cost."""
    entries = [entry.message for entry in await bench.log(f"costs-{datetime.now(UTC):%Y-%m-%d}")]
    found = [one for fact in entries if isinstance(fact, CostRecorded) for one in fact.requests]
    return [one.outcome for one in found if one.cost_microdollars > 0] == wanted


async def test_a_reader_who_takes_nothing_any_more_counts_as_gone(start_bench: StartBench, tmp_path: Path) -> None:
    """Else he would keep a provider's connection and held money for ever."""
    model = SpeakingModel(repeats=100_000)
    async with (
        speaking(model) as provider_url,
        http_gateway(start_bench, tmp_path, provider_url=provider_url, http_stalled_seconds_max=0.5) as (_, url),
        aiohttp.ClientSession(headers=AS_ADMIN) as http,
    ):
        await _cap(http, url, 10_000_000)
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1_024)
        body = json.dumps(ask("x" * 100, stream=True)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: {AS_ADMIN['authorization']}\r\n"
        writer.write(f"{head}x-hil-entity: u1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

        async def settled() -> bool:
            spent, held = await _spent_and_held(http, url)
            return spent > 0 and held == 0

        await wait_until(lambda: _is(len(model.heard) == 1))
        await wait_until(settled, timeout_seconds=60)
        await wait_until(lambda: _is(model.hung_up == 1), timeout_seconds=30)
        writer.close()


async def _read_one_line(url: str, *, stream: bool) -> bytes:
    headers = {**AS_ADMIN, "x-hil-entity": "u1"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{url}/v1/chat/completions", json=ask("hello", stream=stream)) as answer,
    ):
        return await answer.content.readline()


async def _cap(http: aiohttp.ClientSession, url: str, microdollars: int) -> None:
    budget = f"{url}/admin/budgets/{TENANT}/entity/u1"
    async with http.put(budget, json={"caps": {"day": microdollars}}) as answer:
        assert answer.status == 200


async def _spent_and_held(http: aiohttp.ClientSession, url: str) -> tuple[int, int]:
    async with http.get(f"{url}/admin/budgets") as answer:
        [budget] = await answer.json()
    [window] = budget["windows"]
    return window["spent_microdollars"], window["held_microdollars"]


async def _is(true: bool) -> bool:
    return true


async def test_another_model_takes_over_a_stream_before_its_first_chunk(
    start_bench: StartBench, tmp_path: Path
) -> None:
    refused = [Rule(status=503) for _ in range(3)]
    rules = [*refused, Rule(text="good day", times=None)]
    async with http_gateway(start_bench, tmp_path, *rules) as (bench, url), client(url) as gateway:
        chunks = [chunk async for chunk in await gateway.chat.completions.create(**ask(stream=True))]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "good day"
        assert bench.asked_models() == ["first", "first", "first", "second"]


async def test_no_other_model_is_asked_once_a_chunk_was_sent(start_bench: StartBench, tmp_path: Path) -> None:
    rules = [Rule(text="x" * 400, cut_after_bytes=1_200), Rule(text="never said", times=None)]
    async with (
        http_gateway(start_bench, tmp_path, *rules) as (bench, url),
        aiohttp.ClientSession(headers=AS_ADMIN) as http,
        http.post(f"{url}/v1/chat/completions", json=ask(stream=True)) as answer,
    ):
        assert answer.status == 200
        events = [line[6:] for line in (await answer.read()).splitlines() if line.startswith(b"data: ")]
        assert json.loads(events[-1])["error"]["code"] == "provider_error"
        assert b"[DONE]" not in events
        assert bench.asked_models() == ["first"]
