"""Which spans do services export? An OTLP/HTTP endpoint on loopback that keeps them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

EXPORT_DELAY = {"OTEL_BSP_SCHEDULE_DELAY": "200"}
"""Services export twenty-five times as often as by default."""


@dataclass(frozen=True, slots=True)
class Span:
    """One exported span; ids are hex."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]


@dataclass(slots=True)
class Receiver:
    """What has come so far."""

    spans: list[Span] = field(default_factory=list)
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    """What was sent, byte by byte: nothing of a span can hide in a field that `Span` leaves out."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def of_key(self, key: str) -> list[Span]:
        """All spans of the traces that handled a message of this key."""
        traces = {s.trace_id for s in self.spans if s.attributes.get("messaging.message.conversation_id") == key}
        return [span for span in self.spans if span.trace_id in traces]

    async def take(self, http: web.Request) -> web.Response:
        self.bodies.append(await http.read())
        sent = ExportTraceServiceRequest.FromString(self.bodies[-1])
        for resource in sent.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                attributes = {a.key: _text(a.value) for a in span.attributes}
                self.spans.append(Span(service, span.name, *ids, attributes))
        body = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf")


def _text(value: AnyValue) -> str:
    parts = [one.string_value for one in value.array_value.values]
    return ", ".join(parts) if parts else value.string_value


@asynccontextmanager
async def otlp_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.add_routes([web.post("/v1/traces", receiver.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = int(runner.addresses[0][1])
    try:
        yield receiver
    finally:
        await runner.cleanup()


def traced(receiver: Receiver) -> dict[str, str]:
    """Environment in which every service exports every conversation."""
    prefixes = ("ORCHESTRATOR", "LLM_GATEWAY", "TOOL_RUNNER", "HIL_INBOX", "ANALYTICS")
    settings = {f"{prefix}_OTLP_ENDPOINT": receiver.url for prefix in prefixes}
    return {**EXPORT_DELAY, **settings, **{f"{prefix}_TRACE_RATIO": "1" for prefix in prefixes}}
