"""What is a request answered with?"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field

from cost_gate import Gate, Rate
from cost_ledger import BudgetBook, Ledger, Publish
from llm_gateway.adapters.breaker_board import BreakerBoard
from llm_gateway.adapters.name_finder import NameFinder
from llm_gateway.adapters.prompt_store import PromptStore
from llm_gateway.adapters.provider_client import ProviderClient
from llm_gateway.adapters.response_cache import ResponseCache
from llm_gateway.adapters.tool_catalogue import ToolCatalogue
from llm_gateway.domain.made import Made
from llm_gateway.domain.models import ModelTable
from llm_gateway.handlers.announce import Announcer
from llm_gateway.handlers.clock import Clock
from llm_gateway.handlers.coalesce import Coalescer
from llm_gateway.handlers.micro_batch import MicroBatch
from llm_gateway.handlers.single_flight import SingleFlight


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that the handlers reach."""

    table: ModelTable
    provider: ProviderClient
    prompts: PromptStore
    tools: ToolCatalogue
    gate: Gate
    ledger: Ledger
    budgets: BudgetBook
    board: BreakerBoard
    cache: ResponseCache
    announcer: Announcer
    publish: Publish
    now: Clock
    pii_secret: bytes
    phone_regions: tuple[str, ...]
    caller_rates: Callable[[str, str | None], Sequence[Rate]]
    provider_rates: Mapping[str, Rate] = field(default_factory=dict)
    names: NameFinder | None = None
    budget_wait_seconds_max: float = 30.0
    flights: SingleFlight = field(default_factory=SingleFlight)
    coalescer: Coalescer[Made] = field(default_factory=Coalescer)
    micro_batch: MicroBatch = field(default_factory=MicroBatch)
    _background: set[asyncio.Task[None]] = field(default_factory=set)

    def surely(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Begin work that must come to its end, whoever goes away meanwhile: what was spent has to be counted. Nobody
        waits for it: a process that is killed before has its lease, which counts at its maximum."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def finish(self) -> None:
        """Wait for all such work, at the end of the process."""
        if self._background:
            await asyncio.wait(self._background, timeout=5.0)
