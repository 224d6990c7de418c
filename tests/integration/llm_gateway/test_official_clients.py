"""Do OpenAI's own clients, for Python and for Node, see what they should, by base URL and key only?"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.sdk_scenes import SCENES, Scene
from tests.integration.llm_gateway.test_embeddings import VectorServer, listening
from tests.integration.llm_gateway.test_http import TENANT, http_gateway
from tests.support.npm import installed

from hil.replay_model import Rule, ScriptedCall

MODELS = """
providers: {{default: {{base_url: ""}}, vectors: {{base_url: "{vectors_url}"}}}}
models:
  first: {{price: {{input: 1_000_000, output: 1_000_000}}, context_tokens_max: 4000, output_tokens_max: 100}}
  second: {{price: {{input: 1_000_000, output: 1_000_000}}, context_tokens_max: 4000, output_tokens_max: 100}}
  vectors:
    {{provider: vectors, kind: embedding, price: {{input: 1, output: 0}}, context_tokens_max: 99, output_tokens_max: 1}}
profiles: {{balanced: [first, second], embeddings: [vectors]}}
"""
RULES = (
    Rule(match="^plain$", text="good day", times=None),
    Rule(match="^tool$", tool_calls=(ScriptedCall(name="get_order", arguments={"id": "7"}, id="call_1"),), times=None),
    Rule(match="^schema$", json_={"intent": "refund"}, times=None),
    Rule(match="^broken$", status=500, times=None),
    Rule(match="^cut$", text="x" * 400, cut_after_bytes=1_200, times=None),
    Rule(match="^never$", never=True, times=None),
)
NODE = Path(__file__).parents[2] / "support" / "node_sdk"


class Intent(BaseModel):
    intent: Literal["refund", "other"]


@asynccontextmanager
async def gateway_of_scenes(start: StartBench, folder: Path) -> AsyncIterator[str]:
    """The base URL of a gateway with two providers, and an entity that has nothing to spend."""
    async with listening(VectorServer()) as vectors_url:
        models = folder / "scenes.yaml"
        models.write_text(MODELS.format(vectors_url=vectors_url))
        async with http_gateway(start, folder, *RULES, models_file=models) as (_, url):
            await _impoverish(url)
            yield f"{url}/v1"


async def _impoverish(url: str) -> None:
    budget = f"{url}/admin/budgets/{TENANT}/entity/poor"
    async with (
        aiohttp.ClientSession(headers={"authorization": "Bearer all"}) as http,
        http.put(budget, json={"caps": {"day": 5}}) as answer,
    ):
        assert answer.status == 200


async def played_in_node(base_url: str) -> dict[str, Any]:
    """Every scene by the Node client, in one program."""
    program = await asyncio.create_subprocess_exec(
        *("node", str(installed(NODE) / "scenes.js"), base_url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    scenes = json.dumps([asdict(scene) for scene in SCENES]).encode()
    out, err = await asyncio.wait_for(program.communicate(scenes), 90)
    assert program.returncode == 0, err.decode()
    outcomes: dict[str, Any] = json.loads(out)
    return outcomes


async def played_in_python(base_url: str) -> dict[str, Any]:
    """Every scene by the Python client."""
    return {scene.name: await _play(base_url, scene) for scene in SCENES}


async def _play(base_url: str, scene: Scene) -> Any:
    async with AsyncOpenAI(base_url=base_url, api_key=scene.key, max_retries=0, timeout=30) as client:
        try:
            return await DEEDS[scene.does](client, scene.body, scene.headers)
        except openai.APIError as error:
            status = getattr(error, "status_code", None)
            return {"error": {"status": status, "type": error.type, "code": error.code, "param": error.param}}


async def _chat(client: AsyncOpenAI, body: dict[str, Any], headers: dict[str, str]) -> Any:
    answer = await client.chat.completions.create(**body, extra_headers=headers)
    [choice] = answer.choices
    calls = [[call.function.name, call.function.arguments] for call in choice.message.tool_calls or []]
    return {"text": choice.message.content, "finish": choice.finish_reason, "calls": calls, "usage": answer.usage}


async def _stream(client: AsyncOpenAI, body: dict[str, Any], headers: dict[str, str]) -> Any:
    text, finish, usage = "", None, None
    calls: dict[int, list[str]] = {}
    async for chunk in await client.chat.completions.create(**body, stream=True, extra_headers=headers):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for part in choice.delta.tool_calls or []:
                call = calls.setdefault(part.index, ["", ""])
                call[0] += part.function.name or ""
                call[1] += part.function.arguments or ""
    return {"text": text, "finish": finish, "calls": list(calls.values()), "usage": usage}


async def _parse(client: AsyncOpenAI, body: dict[str, Any], headers: dict[str, str]) -> Any:
    answer = await client.chat.completions.parse(**body, response_format=Intent, extra_headers=headers)
    parsed = answer.choices[0].message.parsed
    return {"parsed": parsed.model_dump() if parsed else None}


async def _embeddings(client: AsyncOpenAI, body: dict[str, Any], headers: dict[str, str]) -> Any:
    answer = await client.embeddings.create(**body, extra_headers=headers)
    return {"vectors": [one.embedding for one in answer.data], "usage": answer.usage}


async def _models(client: AsyncOpenAI, _: dict[str, Any], headers: dict[str, str]) -> Any:
    return {"models": [model.id async for model in client.models.list(extra_headers=headers)]}


async def _model(client: AsyncOpenAI, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return {"model": (await client.models.retrieve(body["name"], extra_headers=headers)).id}


DEEDS: Any = {
    "chat": _chat,
    "stream": _stream,
    "parse": _parse,
    "embeddings": _embeddings,
    "models": _models,
    "model": _model,
}


@pytest.mark.parametrize("play", [played_in_python, played_in_node], ids=["python", "node"])
async def test_every_scene_ends_as_written(start_bench: StartBench, tmp_path: Path, play: Any) -> None:
    async with gateway_of_scenes(start_bench, tmp_path) as base_url:
        outcomes = await play(base_url)
    for outcome in outcomes.values():
        if outcome.get("usage") is not None:
            outcome["usage"] = True
    assert outcomes == {scene.name: scene.sees for scene in SCENES}
