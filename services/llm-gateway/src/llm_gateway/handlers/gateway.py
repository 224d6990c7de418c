"""What is a request answered with?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue
from redis.asyncio import Redis

from contracts.envelope import Identity, Message
from llm_gateway.adapters.prompt_store import PromptStore
from llm_gateway.adapters.tool_catalogue import ToolCatalogue
from llm_gateway.domain.answer import Answer, Trouble
from llm_gateway.domain.models import ModelTable
from llm_gateway.handlers.single_flight import SingleFlight


class Provider(Protocol):
    """One call, without retries, that ends within the timeout."""

    async def complete(
        self, provider_name: str, body: dict[str, JsonValue], *, timeout_seconds: float
    ) -> Answer | Trouble: ...


class Publish(Protocol):
    """Stores a fact surely, once per id; raises RetryLater."""

    async def __call__(self, message: Message, identity: Identity) -> int: ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that the handler reaches."""

    table: ModelTable
    provider: Provider
    prompts: PromptStore
    tools: ToolCatalogue
    redis: Redis
    publish: Publish
    now: Callable[[], datetime]
    execution_cap_microdollars: int
    flights: SingleFlight = field(default_factory=SingleFlight)
