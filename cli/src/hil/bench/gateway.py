"""`hil bench gateway`: what does a call through the gateway cost, beside the bare minimum and no gateway at all?"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from hil.bench.gateway_stack import GatewayStack, Program, gateway_stack, on_core
from hil.bench.http_load import chat_body
from hil.bench.load import cpu_seconds
from hil.embedded.errors import EmbeddedError
from llm_gateway.handlers.masking import mask_body

TENANT = "bench"
CAP_MICRODOLLARS = 10**14
WARM_UP_SECONDS = 1.0
_PROVIDERS = {"gateway": "mask", "gateway_without_pii": "trusted"}


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One load. `cpu_us` is CPU of the measured process a call: of the upstream itself in `direct`."""

    name: str
    concurrency: int
    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    requests: int
    errors: int
    first_error: str = ""


@dataclass(frozen=True, slots=True)
class GatewayBench:
    """One measurement with its servers in `directory`. All run at the same time and are loaded in turn, `rounds` times:
    a machine that is busy for a moment is so for all of them, and the round with the median CPU counts."""

    directory: Path
    concurrencies: tuple[int, ...]
    seconds: float
    rounds: int = 3
    cores: tuple[int, ...] = field(default_factory=lambda: tuple(sorted(os.sched_getaffinity(0))))

    @property
    def pinned(self) -> bool:
        """Whether the gateway has a core of its own."""
        return len(self.cores) > 1

    def measure(self, told: Callable[[GatewayRow], None]) -> list[GatewayRow]:
        """The rows, one for each program and concurrency; `told` hears of each load as soon as it is over."""
        with on_core(self.cores[1] if self.pinned else None), gateway_stack(self.directory, delay_ms=0) as stack:
            key = stack.key_for(TENANT)
            programs = self._started(stack)
            for program in programs.values():
                self._load(program, 8, WARM_UP_SECONDS, key)
            rows: dict[tuple[str, int], list[GatewayRow]] = {}
            for concurrency in [one for one in self.concurrencies for _ in range(self.rounds)]:
                for name, program in programs.items():
                    row = self._row(name, program, concurrency, key)
                    rows.setdefault((name, concurrency), []).append(row)
                    told(row)
        return [_median(rows[name, concurrency]) for name in programs for concurrency in self.concurrencies]

    def _started(self, stack: GatewayStack) -> dict[str, Program]:
        programs = {
            "passthrough": stack.program("passthrough", "hil.bench.passthrough", "PORT", f"{stack.upstream.url}/v1")
        }
        for name, pii in _PROVIDERS.items():
            programs[name] = stack.gateway(name, self._models_file(pii), **_settings(stack))
        for name, program in programs.items():
            with on_core(self.cores[0] if self.pinned else None):
                program.start()
            program.wait("/readyz" if name in _PROVIDERS else "")
        for name in _PROVIDERS:
            stack.set_caps(programs[name], f"{TENANT}/tenant/{TENANT}", CAP_MICRODOLLARS)
            stack.set_caps(programs[name], f"{TENANT}/entity/*", CAP_MICRODOLLARS)
        return {"direct": stack.upstream, **programs}

    def _row(self, name: str, program: Program, concurrency: int, key: str) -> GatewayRow:
        before = cpu_seconds(program.child.pid)
        loaded = self._load(program, concurrency, self.seconds, key)
        cpu_us = (cpu_seconds(program.child.pid) - before) / max(loaded.requests, 1) * 1e6
        return dataclasses.replace(loaded, name=name, concurrency=concurrency, cpu_us=cpu_us)

    def _load(self, program: Program, concurrency: int, seconds: float, key: str) -> GatewayRow:
        command = [sys.executable, "-m", "hil.bench.http_load", str(program.port), str(concurrency), str(seconds)]
        environment = {**os.environ, "BENCH_KEY": key}
        ended = subprocess.run(
            command, check=False, env=environment, capture_output=True, text=True, timeout=seconds + 90
        )
        if ended.returncode != 0:
            raise EmbeddedError(f"the load generator failed: {ended.stderr[-500:]}")
        return GatewayRow(name="", concurrency=0, cpu_us=0.0, **json.loads(ended.stdout))

    def _models_file(self, pii: str) -> Path:
        path = self.directory / f"models-{pii}.yaml"
        model = {
            "price": {"input": 100_000, "output": 400_000},
            "encoding": "o200k_base",
            "context_tokens_max": 100_000,
            "output_tokens_max": 1_024,
        }
        document = {
            "providers": {"default": {"base_url": "", "pii": pii}},
            "models": {"bench-small": model, "bench-large": model},
            "profiles": {"bench": ["bench-small", "bench-large"]},
        }
        path.write_text(yaml.safe_dump(document))
        return path


def _median(rounds: list[GatewayRow]) -> GatewayRow:
    """The round in the middle by CPU; its errors are those of all rounds."""
    row = sorted(rounds, key=lambda one: one.cpu_us)[len(rounds) // 2]
    first_error = next((one.first_error for one in rounds if one.first_error), "")
    return dataclasses.replace(row, errors=sum(one.errors for one in rounds), first_error=first_error)


def pii_scan_us(prompts: int = 300) -> float:
    """CPU microseconds that masking one of the load's prompts of about 1 kB takes, measured in this process."""
    bodies = [json.loads(chat_body(number, model="bench")) for number in range(prompts)]
    began = time.process_time()
    for number, body in enumerate(bodies):
        mask_body(body, secret=b"bench", partition=f"bench/{number}")
    return (time.process_time() - began) / prompts * 1e6


def _settings(stack: GatewayStack) -> dict[str, str]:
    """Everything on: limits that are counted and never reached, and traces that somebody takes."""
    return {
        "tenant_requests_per_minute": "100000000",
        "tenant_tokens_per_minute": "100000000",
        "entity_requests_per_minute": "100000000",
        "otlp_endpoint": f"{stack.upstream.url}/v1/traces",
    }
