"""Through which stream sequence has a consumer's work surely been done?"""

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext

from contracts.streams import ConsumerSpec, StreamSpec
from service_kit.errors import RetryLater


async def ack_floor(jetstream: JetStreamContext, spec: ConsumerSpec, *, stream: StreamSpec) -> int:
    """Every message of the consumer up to this sequence is acknowledged, and so handled. Raises RetryLater."""
    try:
        info = await jetstream.consumer_info(stream.name, spec.name)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"consumer {spec.name}: {type(error).__name__}") from error
    return int(info.ack_floor.stream_seq) if info.ack_floor else 0
