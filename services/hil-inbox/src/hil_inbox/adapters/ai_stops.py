"""In which queues does the AI not speak, and since when on whose word?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.kv import KeyValue
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.streams import AI_STOPS_BUCKET
from service_kit.errors import RetryLater

T = TypeVar("T")


class AiStop(BaseModel):
    """What the bucket holds for `<tenant>.<queue>`; `*` among the workflows means all of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    by: str
    at_ms: int
    reason: str = ""
    workflows: tuple[str, ...] = Field(("*",))


@dataclass(frozen=True, slots=True)
class AiStops:
    """The bucket; the orchestrator watches it. Every call raises RetryLater while NATS does not answer."""

    jetstream: JetStreamContext

    async def get(self, tenant: str, queue: str) -> AiStop | None:
        """The stop of a queue, if there is one."""

        async def read(bucket: KeyValue) -> AiStop | None:
            try:
                entry = await bucket.get(f"{tenant}.{queue}")
            except nats.js.errors.KeyNotFoundError:
                return None
            return AiStop.model_validate_json(entry.value) if entry.value else None

        return await self._asked(read)

    async def put(self, tenant: str, queue: str, stop: AiStop) -> None:
        """Stop it, or change why."""

        async def write(bucket: KeyValue) -> int:
            return await bucket.put(f"{tenant}.{queue}", stop.model_dump_json().encode())

        await self._asked(write)

    async def remove(self, tenant: str, queue: str) -> None:
        """The AI speaks again; also where it was not stopped."""

        async def delete(bucket: KeyValue) -> bool:
            return await bucket.delete(f"{tenant}.{queue}")

        await self._asked(delete)

    async def _asked(self, ask: Callable[[KeyValue], Awaitable[T]]) -> T:
        try:
            return await ask(await self.jetstream.key_value(AI_STOPS_BUCKET))
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"bucket {AI_STOPS_BUCKET}: {type(error).__name__}") from error
        except ValidationError as error:
            raise RetryLater(f"bucket {AI_STOPS_BUCKET} holds what is not an AI stop; write it anew") from error
