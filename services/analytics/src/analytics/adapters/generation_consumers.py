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

    async def is_counted(self, generation: int, sequence: int) -> bool:
        """Whether a generation holds all messages up to a sequence. What was taken out of the log's end, as timers are,
        is never acknowledged: who has nothing more to get holds all, too."""
        name = consumer_of(generation).name
        try:
            info = await self.jetstream.consumer_info(LOG.name, name)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"consumer {name}: {type(error).__name__}") from error
        floor = int(info.ack_floor.stream_seq) if info.ack_floor else 0
        return floor >= sequence or not (info.num_pending or info.num_ack_pending)

    async def remove_consumer(self, generation: int) -> None:
        """One that is not there is no error."""
        name = consumer_of(generation).name
        try:
            await self.jetstream.delete_consumer(LOG.name, name)
        except nats.js.errors.NotFoundError:
            return
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"consumer {name}: {type(error).__name__}") from error
