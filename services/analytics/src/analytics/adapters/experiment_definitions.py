"""Which experiments were declared?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.kv import KeyValue
from pydantic import ValidationError

from contracts.experiments import Experiments
from contracts.streams import EXPERIMENTS_BUCKET
from service_kit.errors import RetryLater

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ExperimentDefinitions:
    """Reads the bucket at each question: experiments are few, and asked for seldom. Methods raise RetryLater."""

    jetstream: JetStreamContext

    async def tenants(self) -> list[str]:
        """Those that ever declared one, in order."""

        async def ask(bucket: KeyValue) -> list[str]:
            try:
                return sorted(await bucket.keys())
            except nats.js.errors.NoKeysError:
                return []

        return await self._asked(ask)

    async def of(self, tenant: str) -> Experiments:
        """All of a tenant, oldest first."""

        async def ask(bucket: KeyValue) -> Experiments:
            try:
                return Experiments.model_validate_json((await bucket.get(tenant)).value or b"")
            except nats.js.errors.KeyNotFoundError:
                return Experiments()

        return await self._asked(ask)

    async def _asked(self, ask: Callable[[KeyValue], Awaitable[T]]) -> T:
        try:
            return await ask(await self.jetstream.key_value(EXPERIMENTS_BUCKET))
        except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError) as error:
            raise RetryLater(f"bucket {EXPERIMENTS_BUCKET}: {type(error).__name__}") from error
        except ValidationError as error:
            raise RetryLater(f"bucket {EXPERIMENTS_BUCKET} holds what is no experiment; write it anew") from error
