"""A service that takes a second for each message: what becomes of it when it is told to end?"""

import asyncio
import sys

from contracts.completions import CompletionProduced
from contracts.conversations import MessageReceived
from contracts.envelope import Identity
from contracts.streams import LOG, ConsumerSpec
from service_kit.bus import Consumer, Delivery, publish
from service_kit.connection import connected
from service_kit.process import run_service
from service_kit.streams import ensure_consumer

SPEC = ConsumerSpec("slow", (MessageReceived,), ack_wait_seconds=30.0)
BEGUN, ENDED = "begun", "ended"


async def serve(url: str, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Say when a message is begun and when it is done."""
    async with connected(url, service="slow") as connection:

        async def say(word: str, key: str) -> None:
            fact = CompletionProduced(command_id=word, node="slow")
            await publish(connection, fact, Identity("acme", key, f"{key} {word}", "cause"))

        async def handler(delivery: Delivery) -> None:
            await say(BEGUN, delivery.subject.key)
            await asyncio.sleep(1.0)
            await say(ENDED, delivery.subject.key)

        await ensure_consumer(connection.jetstream, SPEC, stream=LOG)
        ready.set()
        await Consumer(connection, SPEC, {MessageReceived: handler}, concurrency=4).run(stop)


if __name__ == "__main__":
    sys.exit(run_service(lambda: sys.argv[1], serve))
