"""Connections, logs and consumers for tests on a real server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from contracts.conversations import MessageReceived
from contracts.envelope import BasedOn, Identity, Message, client_message_id, derive_message_id
from contracts.executions import ExecutionFinished
from contracts.streams import LOG, ConsumerSpec
from service_kit.bus import Consumer, Handler, Order, publish
from service_kit.connection import Connection, connected
from service_kit.streams import ensure_consumer, ensure_streams

TENANT = "acme"


@asynccontextmanager
async def kit(url: str, *, service: str = "test", replicas: int = 1) -> AsyncIterator[Connection]:
    """A connection to a server on which all streams exist."""
    async with connected(url, service=service) as connection:
        await ensure_streams(connection.jetstream, replicas=replicas)
        yield connection


@asynccontextmanager
async def consuming(
    connection: Connection, spec: ConsumerSpec, routes: Mapping[type[Message], Handler], order: Order = Order.NONE
) -> AsyncIterator[Consumer]:
    """A running consumer, stopped at the end of the block."""
    await ensure_consumer(connection.jetstream, spec, stream=LOG)
    consumer = Consumer(connection, spec, routes, order=order)
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer
    finally:
        stop.set()
        await running


def received(turn_id: str, text: str = "hello", **fields: object) -> MessageReceived:
    """A customer's message."""
    return MessageReceived.model_validate({"turn_id": turn_id, "text": text, **fields})


async def say(connection: Connection, key: str, turn_id: str, text: str = "hello", tenant: str = TENANT) -> int:
    """Publish a customer's message as a client application does; its sequence."""
    identity = Identity(tenant, key, client_message_id(tenant, key, turn_id=turn_id, text=text), turn_id)
    return await publish(connection, received(turn_id, text), identity)


def finished(key: str, name: str = "end") -> tuple[ExecutionFinished, Identity]:
    """A decision to append, with a derived id."""
    message = ExecutionFinished(
        sink="FINISH",
        success=True,
        mode="conversation",
        workflow="w",
        version="1",
        started_ms=0,
        finished_ms=1,
        based_on=BasedOn(now_ms=1, fence=0),
    )
    return message, Identity(TENANT, key, derive_message_id(key, name), "cause")
