"""How do the streams, consumers and buckets that contracts declare come to exist?"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import nats.js.errors
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    KeyValueConfig,
    ObjectStoreConfig,
    StorageType,
    StreamConfig,
)

from contracts.streams import (
    AI_STOPS_BUCKET,
    ARCHIVE_BUCKET,
    BUDGETS_BUCKET,
    EXPERIMENTS_BUCKET,
    PAYLOADS_BUCKET,
    STREAMS,
    TOOL_BLESSINGS_BUCKET,
    TOOLS_BUCKET,
    WORKFLOW_FACTS_BUCKET,
    WORKFLOWS_BUCKET,
    ConsumerSpec,
    StreamSpec,
)
from service_kit.connection import RETRY_BUDGET_SECONDS
from service_kit.errors import RetryLater

KV_BUCKETS = (
    WORKFLOWS_BUCKET,
    WORKFLOW_FACTS_BUCKET,
    TOOLS_BUCKET,
    TOOL_BLESSINGS_BUCKET,
    BUDGETS_BUCKET,
    AI_STOPS_BUCKET,
    EXPERIMENTS_BUCKET,
)
OBJECT_BUCKETS = (PAYLOADS_BUCKET, ARCHIVE_BUCKET)


def stream_config(spec: StreamSpec, replicas: int) -> StreamConfig:
    """The server's view of a spec. A stream with a size limit refuses new messages rather than dropping old ones."""
    return StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_bytes=spec.bytes_max,
        max_msg_size=spec.message_bytes_max,
        discard=DiscardPolicy.OLD if spec.bytes_max < 0 else DiscardPolicy.NEW,
        duplicate_window=spec.duplicate_window_seconds,
        allow_direct=True,
        allow_msg_schedules=spec.schedules or None,
    )


async def ensure_streams(jetstream: JetStreamContext, *, replicas: int = 1) -> None:
    """Create what is missing and bring the rest up to date; safe to call from every process at start.

    Each is asked for by itself, so that a server that ends meanwhile costs one question. Raises RetryLater when there
    is no answer within the retry budget."""
    for spec in STREAMS:
        await _surely(spec.name, partial(_ensure_stream, jetstream, stream_config(spec, replicas)))
    for bucket in KV_BUCKETS:
        await _surely(bucket, partial(_ensure_kv, jetstream, bucket, replicas))
    for bucket in OBJECT_BUCKETS:
        await _surely(bucket, partial(_ensure_objects, jetstream, bucket, replicas))


async def _surely(what: str, create: Callable[[], Awaitable[object]]) -> None:
    """Again and again until the retry budget is spent: a server may end while it is asked."""
    deadline = asyncio.get_running_loop().time() + RETRY_BUDGET_SECONDS
    while True:
        try:
            await create()
            return
        except (NatsError, nats.js.errors.Error, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise RetryLater(f"{what} cannot be created: {error}") from error
            await asyncio.sleep(0.3)


async def _ensure_stream(jetstream: JetStreamContext, config: StreamConfig) -> None:
    try:
        await jetstream.add_stream(config)
    except nats.js.errors.BadRequestError:
        await jetstream.update_stream(config)


async def _ensure_kv(jetstream: JetStreamContext, bucket: str, replicas: int) -> None:
    try:
        await jetstream.key_value(bucket)
    except nats.js.errors.NotFoundError:
        await jetstream.create_key_value(KeyValueConfig(bucket=bucket, history=5, replicas=replicas, direct=True))


async def _ensure_objects(jetstream: JetStreamContext, bucket: str, replicas: int) -> None:
    try:
        await jetstream.object_store(bucket)
    except nats.js.errors.NotFoundError:
        await jetstream.create_object_store(bucket, config=ObjectStoreConfig(bucket=bucket, replicas=replicas))


async def ensure_consumer(jetstream: JetStreamContext, spec: ConsumerSpec, *, stream: StreamSpec) -> None:
    """Create or update a durable pull consumer. Deliveries are unlimited on the server: giving up is never silent, the
    bus writes a dead letter instead (STYLE 5). Raises RetryLater when the server does not answer within the retry
    budget."""
    config = ConsumerConfig(
        durable_name=spec.name,
        filter_subjects=list(spec.filters),
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL,
        ack_wait=spec.ack_wait_seconds,
        max_ack_pending=spec.ack_pending_max,
        max_deliver=-1,
        max_waiting=512,
    )
    await _surely(f"consumer {spec.name}", lambda: jetstream.add_consumer(stream.name, config))
