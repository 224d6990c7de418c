"""Does personal data that came into a log line or a span stay in the process?"""

import json
import logging
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from pii import redact
from service_kit.redaction import RedactingExporter, RedactingFormatter, redacted

SECRETS = ("anna@example.com", "4111 1111 1111 1111", "+49 30 901820", "192.0.2.7", "DE89370400440532013000")
WRITER = """
import asyncio, logging, structlog
from pii import redact
from service_kit.telemetry import configure_logs

configure_logs("test", redact=redact)
log = structlog.get_logger()
try:
    raise ValueError("anna@example.com pays with 4111 1111 1111 1111")
except ValueError:
    log.exception("a.bug", caller="+49 30 901820", nested={"from": ["192.0.2.7"], "anna@example.com": 7}, took=0.25)
    logging.getLogger("library").exception("cannot pay from %s", "DE89370400440532013000")
log.info("anna@example.com was here", sequence=3)
"""


def test_a_log_line_holds_neither_values_nor_the_text_of_an_exception() -> None:
    ended = subprocess.run([sys.executable, "-c", WRITER], capture_output=True, text=True, timeout=60, check=True)
    first, second = (json.loads(line) for line in ended.stdout.splitlines())
    assert [secret for secret in SECRETS if secret in ended.stdout + ended.stderr] == []
    assert first["caller"] == "[REDACTED_PHONE]"
    assert first["nested"] == {"from": ["[REDACTED_IP]"], "[REDACTED_EMAIL]": 7}
    assert "ValueError: [REDACTED_EMAIL] pays with [REDACTED_CARD]" in first["exception"]
    assert (first["took"], first["service"], second["sequence"]) == (0.25, "test", 3)
    assert "cannot pay from [REDACTED_IBAN]" in ended.stderr
    assert "ValueError: [REDACTED_EMAIL]" in ended.stderr, "what libraries log has its traceback, without the values"


def spans_after(record: str) -> tuple[ReadableSpan, ...]:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(kept, redact)))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span(
        f"asks {record}", attributes={"who": record, "list": (record, "b"), "n": 1}
    ) as span:
        span.add_event(f"heard {record}", {"text": record})
        span.record_exception(ValueError(record))
        span.set_status(StatusCode.ERROR, f"not for {record}")
    provider.shutdown()
    return kept.get_finished_spans()


@pytest.mark.parametrize("secret", SECRETS)
def test_a_span_holds_no_value_anywhere(secret: str) -> None:
    [span] = spans_after(secret)
    assert secret not in span.to_json()
    assert span.attributes is not None and span.attributes["n"] == 1
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name[:6] for event in span.events] == ["heard ", "except"]


@pytest.mark.parametrize(
    "value",
    [
        "hil.evt.tool_call.completed.v1",
        "7d4f2a9c1b3e4f5a",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "ok",
        4111111111111111,
        None,
        0.5,
    ],
)
def test_closed_words_ids_and_numbers_are_not_searched(value: object) -> None:
    def never(_: str) -> str:
        raise AssertionError("searched")

    assert redacted(value, never) == value


@pytest.mark.parametrize("value", ["192.168.0.1", "415-555-2671", "de89370400440532013000", "2001:db8::1"])
def test_what_is_written_like_a_closed_word_and_is_none_is_searched(value: str) -> None:
    assert redacted(value, lambda _: "searched") == "searched"


def test_a_value_nested_beyond_all_bounds_is_left_out() -> None:
    value: object = "anna@example.com"
    for _ in range(100):
        value = [value]
    assert "anna" not in str(redacted(value, lambda text: text))


def test_a_line_of_a_library_has_its_level_and_its_source() -> None:
    record = logging.LogRecord("asyncio", logging.ERROR, "x.py", 1, "lost %s", ("anna@example.com",), None)
    assert RedactingFormatter(redact).format(record) == "ERROR asyncio lost [REDACTED_EMAIL]"


ELSEWHERE = """
import contextlib, io, structlog
from service_kit.telemetry import configure_logs

log = structlog.get_logger()
with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())) as other:
    configure_logs("test")
    log.info("while.elsewhere")
other.close()
log.info("afterwards")
"""


def test_lines_go_to_the_output_of_the_process_whatever_stands_for_it_for_a_while() -> None:
    ended = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [json.loads(line)["event"] for line in ended.stdout.splitlines()] == ["while.elsewhere", "afterwards"]
