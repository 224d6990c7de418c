"""Traces and log lines of handled messages: connected where sampled, free where not, never personal."""

from collections.abc import Iterator

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased

from contracts.completions import CompletionProduced, RequestCompletion
from contracts.conversations import MessageReceived
from contracts.envelope import BasedOn, Identity, client_message_id
from contracts.streams import ConsumerSpec
from service_kit.bus import Delivery, publish
from service_kit.connection import Connection
from service_kit.log import Log
from service_kit.telemetry import root_traceparent
from tests.support.kit import TENANT, consuming, kit, received, say
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

DECIDING = ConsumerSpec("deciding", (MessageReceived, CompletionProduced), ack_wait_seconds=2.0)
WORKING = ConsumerSpec("working", (RequestCompletion,), ack_wait_seconds=2.0)
SECRET = "my card is 4111 1111 1111 1111"


@pytest.fixture(autouse=True)
def fresh_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger that can be captured: one that a service of an earlier test configured keeps its output for good."""
    structlog.reset_defaults()
    monkeypatch.setattr("service_kit.bus.log", structlog.get_logger())


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """All spans of this test, with the sampling that services have."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(ALWAYS_OFF, remote_parent_sampled=ALWAYS_ON))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


async def a_turn(connection: Connection, key: str, *, ratio: float) -> None:
    """A message leads to a command, the command to a result, and the result comes back: three handlers."""
    done: list[str] = []

    async def decide(delivery: Delivery) -> None:
        if isinstance(delivery.message, CompletionProduced):
            done.append(delivery.message.text)
            return
        based_on = BasedOn(inputs=(delivery.entry.id,), now_ms=1, fence=delivery.entry.sequence)
        command = RequestCompletion(
            based_on=based_on, node="n", workflow="w", profile="fast", messages=(), timeout_ms=1_000
        )
        identity = Identity(TENANT, key, f"command {key}", delivery.entry.id)
        await Log(connection).append(command, identity, fence=delivery.entry.sequence)

    async def work(delivery: Delivery) -> None:
        fact = CompletionProduced(command_id=delivery.entry.id, node="n", text=SECRET)
        await publish(connection, fact, Identity(TENANT, key, f"result {key}", delivery.entry.id))

    async with (
        consuming(connection, DECIDING, {MessageReceived: decide, CompletionProduced: decide}) as deciding,
        consuming(connection, WORKING, {RequestCompletion: work}),
    ):
        deciding.trace_ratio = ratio
        await say(connection, key, "1", SECRET)
        await wait_until(lambda: done == [SECRET])


def parents(spans: tuple[ReadableSpan, ...]) -> dict[str, str | None]:
    names = {span.context.span_id: span.name for span in spans if span.context is not None}
    return {span.name: names.get(span.parent.span_id) if span.parent else None for span in spans}


async def test_a_sampled_turn_is_one_connected_trace(nats_server: NatsServer, spans: InMemorySpanExporter) -> None:
    async with kit(nats_server.url) as connection:
        await a_turn(connection, "c1", ratio=1.0)
        await wait_until(lambda: len(spans.get_finished_spans()) == 3)
    found = spans.get_finished_spans()
    assert parents(found) == {
        "process hil.evt.message.received.v1": None,
        "process hil.cmd.completion.request.v1": "process hil.evt.message.received.v1",
        "process hil.evt.completion.produced.v1": "process hil.cmd.completion.request.v1",
    }
    message_id = client_message_id(TENANT, "c1", turn_id="1", text=SECRET)
    expected = root_traceparent(message_id, ratio=1.0).split("-")[1]
    assert {f"{span.context.trace_id:032x}" for span in found if span.context is not None} == {expected}


async def test_an_unsampled_turn_makes_no_span_and_keeps_its_trace(
    nats_server: NatsServer, spans: InMemorySpanExporter
) -> None:
    async with kit(nats_server.url) as connection:
        await a_turn(connection, "c1", ratio=0.0)
        entries = await Log(connection).read(TENANT, "c1")
    assert spans.get_finished_spans() == ()
    root = root_traceparent(client_message_id(TENANT, "c1", turn_id="1", text=SECRET), ratio=0.0)
    assert [entry.traceparent for entry in entries[1:]] == [root, root]


async def test_spans_and_log_lines_hold_nothing_that_a_person_wrote(
    nats_server: NatsServer, spans: InMemorySpanExporter
) -> None:
    with structlog.testing.capture_logs() as lines:
        async with kit(nats_server.url) as connection:
            await a_turn(connection, "c1", ratio=1.0)
            await wait_until(lambda: len(spans.get_finished_spans()) == 3)
    assert len([line for line in lines if line["event"] == "message.handled"]) == 3
    told = [str(lines), *(f"{span.name} {span.attributes} {span.events}" for span in spans.get_finished_spans())]
    assert not [text for text in told if "4111" in text]


async def test_an_exception_that_quotes_a_person_is_logged_without_its_text(
    nats_server: NatsServer, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_kit.answers.BUG_TRIES_MAX", 1)

    async def handler(delivery: Delivery) -> None:
        assert isinstance(delivery.message, MessageReceived)
        received("1", delivery.message.text, author=SECRET)  # The library's error quotes its input.

    with structlog.testing.capture_logs() as lines:
        async with (
            kit(nats_server.url) as connection,
            consuming(connection, DECIDING, {MessageReceived: handler}) as consumer,
        ):
            consumer.trace_ratio = 1.0
            await say(connection, "c1", "1", SECRET)
            await wait_until(lambda: [line for line in lines if line["event"] == "message.handled"])
    bug = next(line for line in lines if line["event"] == "message.bug")
    assert bug["error"] == "ValidationError"
    assert "test_telemetry.py" in str(bug["at"])
    assert [(span.attributes or {})["error.type"] for span in spans.get_finished_spans()] == ["ValidationError"]
    told = [
        str(lines),
        *(
            f"{span.status.description} {span.attributes} {[e.attributes for e in span.events]}"
            for span in spans.get_finished_spans()
        ),
    ]
    assert not [text for text in told if "4111" in text]


@pytest.mark.parametrize("flags", ["01", "03", "ff"])
async def test_what_a_client_traces_is_traced(nats_server: NatsServer, spans: InMemorySpanExporter, flags: str) -> None:
    async def handler(delivery: Delivery) -> None:
        return

    async with kit(nats_server.url) as connection, consuming(connection, DECIDING, {MessageReceived: handler}):
        body = received("1").model_dump_json().encode()
        headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-{flags}"}
        await connection.jetstream.publish(f"hil.evt.message.received.v1.{TENANT}.c1", body, headers=headers)
        await wait_until(spans.get_finished_spans)
    parent = spans.get_finished_spans()[0].parent
    assert parent is not None
    assert f"{parent.span_id:016x}" == "b" * 16
