"""Does the gateway run as a process: ready, quiet about what was said, and gone when told?"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
from tests.integration.llm_gateway.gateway_kit import MODELS, OUTPUT_SCHEMA, Bench, forget_breakers
from tests.support.kit import kit
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.wait_until import wait_until

from hil.embedded.ports import free_port
from hil.replay_model import ReplayModel, Rule, Script


async def is_ready(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_the_process_answers_requests_and_its_logs_hold_no_prompt(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    await forget_breakers(redis_server.url)
    models, port = tmp_path / "models.yaml", free_port()
    models.write_text(MODELS)
    async with ReplayModel(Script([Rule(text="ANSWER-7791", times=None)])) as model, kit(nats_server.url) as connection:
        environment = {
            **os.environ,
            "LLM_GATEWAY_NATS_URL": nats_server.url,
            "LLM_GATEWAY_REDIS_URL": redis_server.url,
            "LLM_GATEWAY_PROVIDER_URL": model.url,
            "LLM_GATEWAY_MODELS_FILE": str(models),
            "LLM_GATEWAY_HTTP_PORT": str(port),
            "OPENAI_API_KEY": "KEY-3318",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "llm_gateway"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        await wait_until(lambda: is_ready(url), timeout_seconds=30)
        bench = Bench(connection, model, redis_server.url, None)  # type: ignore[arg-type]
        await bench.produced(text="PROMPT-5523")
        await bench.failed(text="PROMPT-5523", output_schema=OUTPUT_SCHEMA)
        async with aiohttp.ClientSession() as http, http.get(f"{url}/v1/models") as answer:
            refused = (await answer.json())["error"]["message"]
        assert answer.status == 401 and "hil llm key create" in refused
        os.kill(process.pid, signal.SIGTERM)
        written = (await asyncio.wait_for(process.communicate(), 20))[0].decode()
    assert process.returncode == 0
    assert model.received[0].headers["authorization"] == "Bearer KEY-3318"
    assert "message.handled" in written and "invalid_output" in written
    assert not any(secret in written for secret in ("PROMPT-5523", "ANSWER-7791", "KEY-3318"))


async def test_a_models_file_that_cannot_be_used_stops_the_start_with_a_clear_text(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text("providers: {}\nmodels: {}\nprofiles: {fast: [nobody]}\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "llm_gateway"),
        env={**os.environ, "LLM_GATEWAY_MODELS_FILE": str(models)},
        stderr=asyncio.subprocess.PIPE,
    )
    errors = (await asyncio.wait_for(process.communicate(), 20))[1].decode()
    assert process.returncode == 2
    assert "models.yaml" in errors and "profiles.fast: no model 'nobody'" in errors
