"""How does everything that a process writes about itself pass through a function that takes personal data out?

The function comes from the service: this kit knows nothing about personal data.
"""

import logging
import re
from collections.abc import Callable, Sequence
from typing import cast

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status
from opentelemetry.util.types import Attributes

Redact = Callable[[str], str]
"""Takes personal data out of a text."""
_CLEAN = re.compile(r"(?:[a-z0-9_.:-]{0,40}|[0-9a-f]{16,64}|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})\Z")
"""What is surely no personal data: closed words, hashes, ids. The check spares most of the searching."""
_NOT_CLOSED = re.compile(r"[\d.: -]+\Z|.*(?:\d{1,3}\.){3}\d|[a-z]{2}\d{2}[a-z0-9]{11,30}\Z|[0-9a-f]{0,4}:[0-9a-f:.]*\Z")
"""Numbers, addresses of machines and accounts look like closed words."""
_DEPTH_MAX = 16
_TOO_DEEP = "[REDACTED]"


def redacted(value: object, redact: Redact, *, depth: int = 0) -> object:
    """The value with every text in it redacted, names of fields too; numbers and closed words stay."""
    if isinstance(value, str):
        return value if _CLEAN.match(value) and not _NOT_CLOSED.match(value) else redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"))
    if isinstance(value, list | tuple | dict) and depth >= _DEPTH_MAX:
        return _TOO_DEEP
    if isinstance(value, list | tuple):
        return [redacted(one, redact, depth=depth + 1) for one in value]
    if isinstance(value, dict):
        return {
            redacted(name, redact, depth=depth + 1): redacted(one, redact, depth=depth + 1)
            for name, one in value.items()
        }
    return redact(str(value)) if isinstance(value, BaseException) else value


class RedactingExporter(SpanExporter):
    """Passes spans on with every text in them redacted: names, attributes, events, links, the word on the status."""

    def __init__(self, exporter: SpanExporter, redact: Redact) -> None:
        self._exporter, self._redact = exporter, redact

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._clean(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        said = span.status.description
        return ReadableSpan(
            name=self._redact(span.name),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=self._attributes(span.attributes),
            events=[
                Event(self._redact(one.name), self._attributes(one.attributes), one.timestamp) for one in span.events
            ],
            links=[Link(one.context, self._attributes(one.attributes)) for one in span.links],
            kind=span.kind,
            status=span.status if said is None else Status(span.status.status_code, self._redact(said)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _event(self, event: Event) -> Event:
        return Event(self._redact(event.name), self._attributes(event.attributes), event.timestamp)

    def _attributes(self, attributes: Attributes) -> Attributes:
        return cast(Attributes, {name: redacted(value, self._redact) for name, value in (attributes or {}).items()})


class RedactingFormatter(logging.Formatter):
    """For what libraries log by themselves: their lines and tracebacks quote whatever an exception quotes."""

    def __init__(self, redact: Redact) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))
