"""Does the server speak the OpenAI protocol, streaming and troubles included?"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from hil.domain_file import load_domain, shipped_domain
from hil.replay_model import ReplayModel, Rule, Script, ScriptedCall, TaskPlayer

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
TOOLS: list[Any] = [{"type": "function", "function": {"name": "shop__search", "parameters": {}}}]
CALL = Rule(text="Let me look.", tool_calls=(ScriptedCall(name="search", arguments={"q": "a long enough query"}),))


def client_of(model: ReplayModel) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=model.url, api_key="none", max_retries=0, timeout=5)


async def test_the_openai_client_reads_an_answer_labelled_as_replayed() -> None:
    async with ReplayModel(Script([CALL])) as model, client_of(model) as client:
        raw = await client.chat.completions.with_raw_response.create(model="m", messages=HELLO, tools=TOOLS)
        answer = raw.parse()
    assert raw.headers["x-hil-replayed"] == "true"
    assert (answer.model, answer.system_fingerprint) == ("replay/script", "replayed")
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage is not None and answer.usage.total_tokens > 0


async def test_a_stream_carries_the_same_answer_in_pieces() -> None:
    async with ReplayModel(Script([CALL])) as model, client_of(model) as client:
        stream = await client.chat.completions.create(
            model="m", messages=HELLO, tools=TOOLS, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    calls = [call for delta in deltas for call in delta.tool_calls or []]
    arguments = "".join(call.function.arguments or "" for call in calls if call.function)
    assert "".join(delta.content or "" for delta in deltas) == "Let me look."
    assert json.loads(arguments) == {"q": "a long enough query"} and len(calls) > 2
    assert chunks[-1].usage is not None
    assert chunks[-2].choices[0].finish_reason == "tool_calls"


async def test_without_a_rule_the_customer_is_echoed() -> None:
    async with ReplayModel() as model, client_of(model) as client:
        answer = await client.chat.completions.create(model="m", messages=HELLO)
    assert answer.choices[0].message.content == "hello"


async def test_the_model_and_the_health_are_listed() -> None:
    player = TaskPlayer(load_domain(shipped_domain("retail")))
    async with ReplayModel(player=player) as model, client_of(model) as client, aiohttp.ClientSession() as http:
        assert [found.id async for found in client.models.list()] == ["replay/retail"]
        async with http.get(model.url.replace("/v1", "/healthz")) as health:
            assert health.status == 200


async def test_errors_are_those_of_the_protocol() -> None:
    script = Script([Rule(status=429, retry_after_seconds=3), Rule(status=500)])
    async with ReplayModel(script) as model, client_of(model) as client:
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="m", messages=HELLO)
        assert limited.value.response.headers["retry-after"] == "3"
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="m", messages=HELLO)
        with pytest.raises(openai.BadRequestError, match="messages"):
            await client.chat.completions.create(model="m", messages=[])


async def read(model: ReplayModel, **more: Any) -> bytes:
    url = f"{model.url}/chat/completions"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, json={"model": "m", "messages": HELLO, **more}) as answer,
    ):
        return await answer.read()


async def test_a_body_can_be_malformed() -> None:
    async with ReplayModel(Script([Rule(malformed='{"choices": [')])) as model:
        assert await read(model) == b'{"choices": ['


async def test_a_body_can_be_cut() -> None:
    async with ReplayModel(Script([Rule(text="long enough", cut_after_bytes=20)])) as model:
        with pytest.raises(aiohttp.ClientPayloadError):
            await read(model)


async def test_a_stream_can_be_cut_and_lacks_its_end() -> None:
    async with ReplayModel(Script([Rule(text="long " * 50, cut_after_bytes=900)])) as model:
        with pytest.raises(aiohttp.ClientPayloadError):
            await read(model, stream=True)


async def test_a_model_can_keep_silent_and_still_be_stopped() -> None:
    async with ReplayModel(Script([Rule(never=True)])) as model:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await read(model)
    assert len(model.received) == 1


async def test_the_command_prints_its_address_and_stops_on_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hil.replay_model",
        "--domain",
        str(shipped_domain("retail")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    async with aiohttp.ClientSession() as http, http.get(first["url"] + "/models") as answer:
        assert (await answer.json())["data"][0]["id"] == "replay/retail"
    os.kill(process.pid, signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_the_command_refuses_a_fault_of_a_task_that_does_not_exist() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hil.replay_model", "--domain", str(shipped_domain("retail"))),
        *("--fault", "skip", "--fault-ids", "0,none"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2 and b"no task 'none'" in errors
