"""python -m hil.bench.worker URL: answers every completion request with about 300 bytes, on the service kit's bus."""

import asyncio
import sys

from contracts.completions import CompletionProduced, RequestCompletion
from contracts.envelope import Identity, derive_message_id
from contracts.streams import LLM_GATEWAY, LOG
from service_kit.bus import Consumer, Delivery, Handler, publish
from service_kit.connection import Connection, connected
from service_kit.process import run_service
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.telemetry import configure_logs

ANSWER = "y" * 180
CONCURRENCY = 256


async def work(url: str, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Consume until `stop`."""
    configure_logs("llm-gateway")
    async with connected(url, service="llm-gateway") as connection:
        await ensure_streams(connection.jetstream)
        await ensure_consumer(connection.jetstream, LLM_GATEWAY, stream=LOG)
        routes = {RequestCompletion: answering(connection)}
        ready.set()
        await Consumer(connection, LLM_GATEWAY, routes, concurrency=CONCURRENCY).run(stop)


def answering(connection: Connection) -> Handler:
    """A handler that answers at once."""

    async def answer(delivery: Delivery) -> None:
        request, command_id = delivery.message, delivery.entry.id
        assert isinstance(request, RequestCompletion)
        fact = CompletionProduced(
            command_id=command_id, node=request.node, execution_id=request.execution_id, text=ANSWER, model="bench"
        )
        fact_id = derive_message_id(command_id, "completion.outcome")
        subject = delivery.subject
        await publish(connection, fact, Identity(subject.tenant, subject.key, fact_id, command_id))

    return answer


if __name__ == "__main__":
    sys.exit(run_service(lambda: sys.argv[1], work))
