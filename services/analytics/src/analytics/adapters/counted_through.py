"""Up to which time of the log is every message counted?"""

from datetime import datetime
from typing import Final

import nats.errors
import nats.js.errors
import orjson

from contracts.streams import ConsumerSpec, StreamSpec
from service_kit.connection import Connection
from service_kit.errors import RetryLater

ASK_SECONDS: Final = 2.0
MARGIN_MS: Final = 1_000
"""The server's clock is read a moment after its state; what is stored between the two is not in the state."""


async def counted_through_ms(connection: Connection, spec: ConsumerSpec, *, stream: StreamSpec) -> int:
    """Unix milliseconds by the server's clock: every message of the log before it is counted and stored.

    The time of the oldest message that is not counted, or, where there is none, the server's own. Raises RetryLater."""
    try:
        answer = await connection.client.request(
            f"$JS.API.CONSUMER.INFO.{stream.name}.{spec.name}", b"", timeout=ASK_SECONDS
        )
        info = orjson.loads(answer.data)
        if "error" in info:
            raise RetryLater(f"consumer {spec.name}: {info['error'].get('description')}")
        if not info["num_pending"] and not info["num_ack_pending"]:
            return _milliseconds(datetime.fromisoformat(info["ts"])) - MARGIN_MS
        floor = info["ack_floor"]["stream_seq"]
        jetstream = connection.client.jetstream(timeout=ASK_SECONDS)
        oldest = await jetstream.get_msg(stream.name, seq=floor + 1, subject=">", next=True)
    except nats.js.errors.NotFoundError as error:
        raise RetryLater(f"consumer {spec.name}: what is not counted is not there any more") from error
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"consumer {spec.name}: {type(error).__name__}") from error
    assert oldest.time is not None, "a stored message without a time"
    return _milliseconds(oldest.time)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000)
