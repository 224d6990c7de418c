"""Which messages are surely counted: of which log, and up to which sequence?"""

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext

from analytics.domain.rollup import Settled
from contracts.streams import ConsumerSpec, StreamSpec
from service_kit.errors import RetryLater


async def log_created(jetstream: JetStreamContext, stream: StreamSpec) -> str:
    """When the log was created: sequences mean the same only within one log. Raises RetryLater."""
    try:
        info = await jetstream.stream_info(stream.name)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"stream {stream.name}: {type(error).__name__}") from error
    return str(info.created)


async def settled_through(jetstream: JetStreamContext, spec: ConsumerSpec, *, stream: StreamSpec, log: str) -> Settled:
    """Every message of the consumer up to the floor is acknowledged, and so counted and stored. Raises RetryLater."""
    try:
        info = await jetstream.consumer_info(stream.name, spec.name)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"consumer {spec.name}: {type(error).__name__}") from error
    return Settled(log, int(info.ack_floor.stream_seq) if info.ack_floor else 0)
