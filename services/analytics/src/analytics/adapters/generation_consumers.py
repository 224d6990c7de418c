"""By which consumer is a generation of figures counted, where does the log end, and how is one removed?"""

from dataclasses import dataclass, replace

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext

from contracts.streams import ANALYTICS, LOG, ConsumerSpec
from service_kit.errors import RetryLater


def consumer_of(generation: int) -> ConsumerSpec:
    """The first generation has the name of before there were others."""
    return ANALYTICS if generation == 1 else replace(ANALYTICS, name=f"{ANALYTICS.name}-g{generation}")


@dataclass(frozen=True, slots=True)
class LogOfServer:
    """Where the log ends, and who counts it. Every call may raise RetryLater."""

    jetstream: JetStreamContext

    async def end(self) -> int:
        """The last sequence of the log."""
        try:
            return int((await self.jetstream.stream_info(LOG.name)).state.last_seq)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"stream {LOG.name}: {type(error).__name__}") from error

    async def remove_consumer(self, generation: int) -> None:
        """One that is not there is no error."""
        name = consumer_of(generation).name
        try:
            await self.jetstream.delete_consumer(LOG.name, name)
        except nats.js.errors.NotFoundError:
            return
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"consumer {name}: {type(error).__name__}") from error
