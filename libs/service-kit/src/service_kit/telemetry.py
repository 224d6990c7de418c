"""How do logs, traces and metrics leave a process?"""

import functools
import hashlib
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO, cast

import orjson
import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Histogram

from service_kit.last_words import redact_last_words
from service_kit.redaction import Redact, RedactingExporter, RedactingFormatter, redacted

SAMPLE_RATIO = 0.01
"""Default share of turns that are traced; the same for every message of a turn."""
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_propagator = TraceContextTextMapPropagator()

MESSAGES = Counter("hil_messages_total", "Messages handled, by outcome.", ("service", "type", "outcome"))
MESSAGE_SECONDS = Histogram("hil_message_seconds", "Time in the handler.", ("service", "type"))


@functools.lru_cache(maxsize=1_000)
def _metrics_of(service: str, type_name: str, outcome: str) -> tuple[Counter, Histogram]:
    return MESSAGES.labels(service, type_name, outcome), MESSAGE_SECONDS.labels(service, type_name)


def count_message(service: str, type_name: str, outcome: str, seconds: float) -> None:
    """Note one handled message. Looking the labels up every time took longer than counting."""
    counter, histogram = _metrics_of(service, type_name, outcome)
    counter.inc()
    histogram.observe(seconds)


def count_messages(service: str, type_name: str, outcome: str, *, seconds: float, messages: int) -> None:
    """Note messages of one type that were handled together in `seconds`."""
    counter, histogram = _metrics_of(service, type_name, outcome)
    counter.inc(messages)
    histogram.observe(seconds)


def configure_logs(service: str, *, level: str = "info", redact: Redact | None = None) -> None:
    """JSON lines on standard output in containers, readable lines in a terminal; every text goes through `redact`,
    also what libraries log, and what nobody catches."""
    assert sys.__stdout__ is not None
    output = sys.__stdout__  # Loggers live as long as the process; what stands for it for a while is closed before.
    pretty = output.isatty()
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(serializer=orjson.dumps)
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *([functools.partial(_redact_line, redact)] if redact is not None else []),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(output)
        if pretty
        else structlog.BytesLoggerFactory(cast(BinaryIO, output.buffer)),
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    if redact is not None:  # Of libraries; it changes nothing where somebody has set the root logger up already.
        handler = logging.StreamHandler()
        handler.setFormatter(RedactingFormatter(redact))
        logging.basicConfig(level=logging.WARNING, handlers=[handler])
        redact_last_words(redact)


def _redact_line(redact: Redact, _: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: redacted(value, redact) if name not in _OUR_OWN else value for name, value in line.items()}


_OUR_OWN = frozenset({"level", "timestamp", "service", "sequence"})


def configure_traces(
    service: str, *, endpoint: str | None, exporter: SpanExporter | None = None, redact: Redact | None = None
) -> None:
    """Export the spans of sampled conversations to an OTLP/HTTP endpoint, every text through `redact`; without an
    endpoint spans cost nothing."""
    if endpoint is None and exporter is None:
        return
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}),
        sampler=ParentBased(ALWAYS_OFF, remote_parent_sampled=ALWAYS_ON),
    )
    opened = exporter or OTLPSpanExporter(endpoint=endpoint)
    opened = opened if redact is None else RedactingExporter(opened, redact)
    provider.add_span_processor(BatchSpanProcessor(opened))
    trace.set_tracer_provider(provider)


def places_of(error: BaseException) -> list[str]:
    """Where an exception was raised, innermost last, without its text: that may quote what a person wrote."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def root_traceparent(seed: str, *, ratio: float = SAMPLE_RATIO) -> str:
    """A W3C traceparent derived from `seed`, so that a redelivered message belongs to the same trace; sampled for
    `ratio` of all seeds."""
    digest = hashlib.sha256(seed.encode()).digest()
    sampled = int.from_bytes(digest[24:28], "big") < ratio * 2**32
    return f"00-{digest[:16].hex()}-{digest[16:24].hex()}-{'01' if sampled else '00'}"


def received_traceparent(header: str | None) -> str | None:
    """What a message says about its trace, if that is well-formed: clients send these too."""
    return header if header is not None and TRACEPARENT.match(header) else None


def current_traceparent() -> str | None:
    """The traceparent to send with whatever is published now."""
    return _traceparent.get()


def is_sampled(traceparent: str) -> bool:
    """Whether spans of this trace are kept."""
    return bool(int(traceparent[-2:], 16) & TraceFlags.SAMPLED)


@contextmanager
def handling(name: str, traceparent: str, attributes: dict[str, str]) -> Iterator[None]:
    """Run a handler inside its message's trace: a span where the trace is sampled, only the context elsewhere."""
    if not is_sampled(traceparent):
        token = _traceparent.set(traceparent)
        try:
            yield
        finally:
            _traceparent.reset(token)
        return
    context = _propagator.extract({"traceparent": traceparent})
    tracer = trace.get_tracer("hil")
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=SpanKind.CONSUMER,
        attributes=attributes,
        record_exception=False,  # The text of an exception may quote what a person wrote.
        set_status_on_exception=False,
    ) as span:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        token = _traceparent.set(carrier.get("traceparent", traceparent))
        try:
            yield
        finally:
            _traceparent.reset(token)
            if (error := sys.exception()) is not None:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
