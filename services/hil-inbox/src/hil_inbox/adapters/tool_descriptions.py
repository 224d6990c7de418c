"""What does a tool want as arguments, and can its effect be undone?"""

from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from pydantic import ValidationError

from contracts.streams import TOOLS_BUCKET
from contracts.tool_calls import ToolDescription
from service_kit.errors import RetryLater


@dataclass(frozen=True, slots=True)
class ToolDescriptions:
    """The bucket that the tool runner writes."""

    jetstream: JetStreamContext

    async def get(self, name: str) -> ToolDescription | None:
        """As it is now; None of one that is not listed any more. Raises RetryLater while NATS does not answer: who
        decides must not take "unknown" for "can be undone"."""
        try:
            entry = await (await self.jetstream.key_value(TOOLS_BUCKET)).get(name)
        except (nats.js.errors.KeyNotFoundError, nats.js.errors.InvalidKeyError):
            return None
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"bucket {TOOLS_BUCKET}: {type(error).__name__}") from error
        try:
            return ToolDescription.model_validate_json(entry.value or b"")
        except ValidationError as error:
            raise RetryLater(f"bucket {TOOLS_BUCKET}: {name} is not a tool's description") from error
