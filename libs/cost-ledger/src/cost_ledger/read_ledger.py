"""What does the ledger in the log say that was spent?"""

from collections.abc import AsyncGenerator, Iterator

import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from contracts.costs import CostEntry, CostRecorded
from contracts.streams import LOG
from contracts.subjects import every_version_of
from cost_gate import LedgerDelta
from service_kit.connection import Connection
from service_kit.entries import whole_body
from service_kit.errors import RetryLater

_BATCH = 200
_WAIT_SECONDS = 5.0


async def read_ledger(connection: Connection) -> AsyncGenerator[LedgerDelta, None]:
    """Everything that was ever added to a book, money or calls, oldest first. Raises RetryLater when the log
    cannot be read to its end, ValidationError for an entry that cannot be read: an incomplete sum would be a lie."""
    try:
        subscription = await connection.jetstream.pull_subscribe(
            every_version_of(CostRecorded.route),
            stream=LOG.name,
            config=ConsumerConfig(
                ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL, mem_storage=True, inactive_threshold=60.0
            ),
        )
        pending = (await subscription.consumer_info()).num_pending or 0
        while pending > 0:
            messages = await subscription.fetch(min(_BATCH, pending), timeout=_WAIT_SECONDS)
            pending -= len(messages)
            for message in messages:
                body = await whole_body(connection.jetstream, message.data, dict(message.headers or {}))
                for entry in CostRecorded.model_validate_json(body).entries:
                    for delta in _deltas(entry):
                        yield delta
        await subscription.unsubscribe()
    except nats.errors.Error as error:
        raise RetryLater(f"the ledger cannot be read: {type(error).__name__}") from error


def _deltas(entry: CostEntry) -> Iterator[LedgerDelta]:
    settles = entry.reservation_id if entry.standing == "settled" else ""
    for book in entry.scopes:
        yield LedgerDelta(book, entry.spent_microdollars, settles)
    for quota in entry.quotas:
        yield LedgerDelta(quota, entry.calls, settles)
