"""Where do the scenarios of `hil bench budget` play? Real gateways on real servers, and an upstream that counts."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from hil.bench.budget_callers import Asking, Listening, wave
from hil.bench.gateway_stack import GatewayStack, Program, ask, gateway_stack
from hil.embedded.errors import StartFailed
from llm_gateway.domain.count_tokens import count_tokens

PRICE = {"input": 150_000, "output": 600_000}
"""Micro-dollars per million tokens."""
ENCODING = "o200k_base"
GATEWAYS = 3
OUTPUT_TOKENS = 500
_PATIENCE_SECONDS = 60.0
_PER_MILLION = 1_000_000


class Model(StrEnum):
    """How the upstream behaves; the names that it goes by begin with these."""

    EXACT = "exact"
    DEAR = "dear"
    FAILING = "failing"
    CUTTING = "cutting"


@dataclass(frozen=True, slots=True)
class Part:
    """What one scenario has to itself: a tenant, a profile, models and a budget worth so many calls."""

    name: str
    models: tuple[Model, ...]
    calls: float
    output_tokens_max: int | None = OUTPUT_TOKENS
    listening: Listening = Listening.NOT_STREAMED
    timeout_ms: int = 60_000

    @property
    def model_names(self) -> tuple[str, ...]:
        """Each scenario has models of its own, so that their calls and their breakers are."""
        return tuple(f"{model}-{self.name}" for model in self.models)


@dataclass(frozen=True, slots=True)
class Seen:
    """What reached the upstream of one scenario and what the books say. Money in micro-dollars."""

    reached: int
    billed: int
    spent: int
    held: int


@dataclass(slots=True)
class Stage:
    """Gateways that run, for some scenarios."""

    stack: GatewayStack
    gateways: list[Program]
    keys: dict[str, str]
    statuses: dict[str, Counter[int]] = field(default_factory=dict)

    @property
    def ports(self) -> list[int]:
        return [gateway.port for gateway in self.gateways]

    def asking(self, part: Part) -> Asking:
        """What the callers of a scenario ask."""
        return Asking(self.keys[part.name], part.name, part.output_tokens_max, part.listening, part.timeout_ms)

    def call_cost(self, part: Part) -> int:
        """What one call costs at most, as the gateway must reckon."""
        costs = {_cost_of(self.asking(part).body(number), OUTPUT_TOKENS) for number in range(1_000)}
        assert len(costs) == 1, f"calls of {part.name} cost {costs}: they must all cost the same"
        return costs.pop()

    def budget(self, part: Part) -> int:
        """The cap of the scenario's tenant."""
        return int(self.call_cost(part) * part.calls)

    async def wave(self, part: Part, callers: int, *, spread_seconds: float = 0.0) -> None:
        """Callers over all gateways; what they were told is kept."""
        told = await wave(self.asking(part), self.ports, callers=callers, spread_seconds=spread_seconds)
        self.statuses.setdefault(part.name, Counter()).update(told)

    async def seen(self, part: Part) -> Seen:
        """The upstream's counts, and the tenant's book."""
        counts = await self._counts()
        name = part.model_names[-1]  # Those before it always fail and bill nothing.
        tokens_input, tokens_output = counts["tokens_input"].get(name, 0), counts["tokens_output"].get(name, 0)
        billed = (tokens_input * PRICE["input"] + tokens_output * PRICE["output"]) // _PER_MILLION
        spent, held = await self._book(part)
        return Seen(counts["requests"].get(name, 0), billed, spent, held)

    async def reached(self, part: Part) -> int:
        """How many calls the upstream has got."""
        return int((await self._counts())["requests"].get(part.model_names[-1], 0))

    async def until(self, holds: Callable[[], Any], what: str, *, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until a condition holds; `holds` may be asynchronous. Raises StartFailed."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailed(f"{what}: not within {seconds:g} s")
            await asyncio.sleep(0.02)

    async def ready(self) -> None:
        """Wait until every gateway takes calls."""
        for gateway in self.gateways:
            await asyncio.to_thread(gateway.wait, "/readyz")

    async def held(self, part: Part) -> int:
        """What is held and not settled."""
        return (await self._book(part))[1]

    async def _counts(self) -> dict[str, dict[str, int]]:
        counts = await asyncio.to_thread(ask, self.stack.upstream.port, "/counts", key="none")
        assert isinstance(counts, dict)
        return counts

    async def _book(self, part: Part) -> tuple[int, int]:
        budgets = await asyncio.to_thread(ask, self.ports[0], "/admin/budgets", key=self.stack.admin_key)
        assert isinstance(budgets, list)
        for budget in budgets:
            if budget["tenant"] == part.name and budget["scope"] == "tenant":
                return budget["windows"][0]["spent_microdollars"], budget["windows"][0]["held_microdollars"]
        raise StartFailed(f"the gateway knows no budget of {part.name}")


@contextmanager
def stage(directory: Path, parts: tuple[Part, ...], *, delay_ms: float) -> Iterator[Stage]:
    """Three gateways with a tenant, a key, a profile and a budget for each scenario."""
    with gateway_stack(directory, delay_ms=delay_ms) as stack:
        keys = {part.name: stack.key_for(part.name) for part in parts}
        models_file = directory / "models.yaml"
        models_file.write_text(yaml.safe_dump(_models(parts)))
        gateways = [stack.gateway(f"gateway-{number}", models_file) for number in range(GATEWAYS)]
        for gateway in gateways:
            gateway.start()
        for gateway in gateways:
            gateway.wait("/readyz")
        staged = Stage(stack, gateways, keys)
        for part in parts:
            stack.set_caps(gateways[0], f"{part.name}/tenant/{part.name}", staged.budget(part))
        _wait_until_known(staged, len(parts))
        yield staged


def _wait_until_known(staged: Stage, budgets: int) -> None:
    """A cap reaches the other gateways some milliseconds later."""

    async def all_know() -> bool:
        lists = [ask(port, "/admin/budgets", key=staged.stack.admin_key) for port in staged.ports]
        return all(isinstance(one, list) and len(one) == budgets for one in lists)

    asyncio.run(staged.until(all_know, "caps known to every gateway", seconds=10.0))


def _models(parts: tuple[Part, ...]) -> dict[str, object]:
    model = {
        "price": PRICE,
        "encoding": ENCODING,
        "context_tokens_max": 100_000,
        "output_tokens_max": OUTPUT_TOKENS,
    }
    return {
        "providers": {"default": {"base_url": ""}},
        "models": {name: model for part in parts for name in part.model_names},
        "profiles": {part.name: list(part.model_names) for part in parts},
    }


def _cost_of(body: dict[str, object], output_tokens: int) -> int:
    tokens = count_tokens(json.loads(json.dumps(body)), ENCODING).tokens
    return -(-(tokens * PRICE["input"] + output_tokens * PRICE["output"]) // _PER_MILLION)
