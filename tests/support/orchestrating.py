"""Orchestrators and a stand-in model worker on a real server, in the test's own process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from contracts.completions import CompletionProduced, RequestCompletion
from contracts.conversations import MessageReceived, MessageSent
from contracts.envelope import Decision, Identity, LogEntry, Message, client_message_id, derive_message_id
from contracts.executions import ExecutionFinished
from contracts.streams import LLM_GATEWAY, LOG
from orchestrator.adapters.workflow_registry import opened
from orchestrator.app import serve
from orchestrator.domain.replay import Replayed, replay
from orchestrator.domain.workflow import Workflow
from orchestrator.settings import Settings
from service_kit.bus import Consumer, Delivery, publish
from service_kit.connection import Connection, connected
from service_kit.log import Log
from service_kit.streams import ensure_consumer, ensure_streams
from tests.support.wait_until import wait_until

TENANT = "acme"
ECHO = """
name: echo
version: 1.0.0
agents:
  answerer: {kind: simple, profile: fast, prompt: "Answer"}
workflow:
  nodes:
    - {id: answer, agent: answerer, limits: {timeout_ms: 20000}}
    - {id: FINISH, type: sink, action: finish_conversation, reply: "answer.output.text"}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges:
    - {from: answer, to: FINISH}
limits: {turns_per_minute: 1000, turns_queued: 1000}
"""

Answer = Callable[[RequestCompletion], str]


def echo(request: RequestCompletion) -> str:
    """The stand-in model says what the customer said."""
    return f"you said: {request.messages[-1].content}"


@dataclass
class System:
    """A running core. `connection` is a client's."""

    url: str
    connection: Connection
    replicas: int
    workflows: dict[str, Workflow] = field(default_factory=dict)
    answer: Answer = echo
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    stops: list[asyncio.Event] = field(default_factory=list)
    running: list[asyncio.Task[None]] = field(default_factory=list)

    async def publish_workflow(self, source: str, tenant: str = TENANT) -> Workflow:
        async with opened(self.connection) as registry:
            workflow = await registry.publish_as_default(source.encode(), tenant=tenant, file_name="test.yaml")
            await registry.set_route(tenant, workflow.name)
        self.workflows[workflow.content_hash] = workflow
        return workflow

    async def start_orchestrator(self, **settings: object) -> int:
        """Another orchestrator; its number, to stop it by."""
        stop, ready = asyncio.Event(), asyncio.Event()
        values = {"nats_url": self.url, "http_port": 0, "stream_replicas": self.replicas, **settings}
        task = asyncio.create_task(serve(Settings.model_validate(values), stop=stop, ready=ready))
        self.stops.append(stop)
        self.running.append(task)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
        return len(self.stops) - 1

    async def stop_orchestrator(self, number: int) -> None:
        self.stops[number].set()
        await self.running[number]

    async def say(self, key: str, turn_id: str, text: str, *, tenant: str = TENANT, again: object = None) -> None:
        """Publish a customer's message; `again` gives it another deduplication id, as a careless client would."""
        identity = client_message_id(tenant, key, turn_id=turn_id, text=text)
        suffix = "" if again is None else f":{again}"
        message = MessageReceived(turn_id=turn_id, text=text)
        await publish(self.connection, message, Identity(tenant, key, f"{identity}{suffix}", turn_id))

    async def log(self, key: str, tenant: str = TENANT) -> list[LogEntry]:
        return await Log(self.connection).read(tenant, key)

    async def messages(self, kind: type[Message], key: str, tenant: str = TENANT) -> list[Message]:
        return [entry.message for entry in await self.log(key, tenant) if isinstance(entry.message, kind)]

    async def until_finished(self, key: str, executions: int = 1, *, tenant: str = TENANT, seconds: float = 30) -> None:
        async def finished() -> bool:
            return len(await self.messages(ExecutionFinished, key, tenant)) >= executions

        await wait_until(finished, timeout_seconds=seconds, every_seconds=0.1)

    async def replies(self, key: str, tenant: str = TENANT) -> list[MessageSent]:
        return [
            message for message in await self.messages(MessageSent, key, tenant) if isinstance(message, MessageSent)
        ]

    async def replayed(self, key: str, tenant: str = TENANT) -> Replayed:
        return replay(tenant, key, await self.log(key, tenant), self.workflows)

    async def assert_sound(self, key: str, tenant: str = TENANT) -> None:
        """Nothing decided twice, every decision made from what it says, every input covered or folded."""
        entries = await self.log(key, tenant)
        decisions = [entry for entry in entries if isinstance(entry.message, Decision)]
        identities = [entry.id for entry in decisions]
        assert len(identities) == len(set(identities)), "a decision was made twice"
        inputs = {entry.id for entry in entries if not isinstance(entry.message, Decision)}
        named = [i for entry in decisions if isinstance(entry.message, Decision) for i in entry.message.based_on.inputs]
        assert set(named) <= inputs
        assert len(named) == len(set(named)), "an input was taken into account twice"
        assert (await self.replayed(key, tenant)).differences == ()


@asynccontextmanager
async def core(url: str, *, orchestrators: int = 1, replicas: int = 1, workflow: str = ECHO) -> AsyncIterator[System]:
    """Streams, a workflow in force, orchestrators, and a worker that answers completions."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(connected(url, service="client"))
        await ensure_streams(connection.jetstream, replicas=replicas)
        system = System(url, connection, replicas)
        system.answering.set()
        await system.publish_workflow(workflow)
        worker = await stack.enter_async_context(connected(url, service="llm-gateway"))
        await ensure_consumer(worker.jetstream, LLM_GATEWAY, stream=LOG)
        consumer = Consumer(worker, LLM_GATEWAY, {RequestCompletion: _worker(system, worker)}, concurrency=128)
        stop = asyncio.Event()
        working = asyncio.create_task(consumer.run(stop))
        try:
            for _ in range(orchestrators):
                await system.start_orchestrator()
            yield system
        finally:
            for event in (stop, *system.stops):
                event.set()
            system.answering.set()
            await asyncio.gather(working, *system.running)


def _worker(system: System, worker: Connection) -> Callable[[Delivery], "asyncio.Future[None]"]:
    async def complete(delivery: Delivery) -> None:
        await system.answering.wait()
        request, command_id = delivery.message, delivery.entry.id
        assert isinstance(request, RequestCompletion)
        fact = CompletionProduced(command_id=command_id, node=request.node, text=system.answer(request), model="echo")
        subject = delivery.subject
        identity = Identity(
            subject.tenant, subject.key, derive_message_id(command_id, "completion.outcome"), command_id
        )
        await publish(worker, fact, identity)

    return complete  # type: ignore[return-value]
