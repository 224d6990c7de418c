"""How is an OpenAI-compatible provider called, and what does each of its troubles mean?"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

import orjson
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from pydantic import JsonValue

from llm_gateway.adapters.provider_connection import Broken, Connection
from llm_gateway.adapters.provider_connections import Address, Connections, NotReached, address_of
from llm_gateway.adapters.read_answer import UnreadableAnswer, read_answer, read_embeddings, read_usage
from llm_gateway.domain.answer import Answer, Embeddings, Trouble, Usage
from llm_gateway.domain.failure import ErrorClass

_BODY_BYTES_MAX = 8 * 1024 * 1024
_LINE_BYTES_MAX = 1024 * 1024
_DETAIL_CHARACTERS_MAX = 300
_IDLE_SECONDS_MAX = 60.0
_CHAT, _EMBEDDINGS = "chat/completions", "embeddings"
# OpenAI's and llama.cpp's.
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_RETRYABLE_STATUSES = frozenset({408, 409, 425})
_tracer = trace.get_tracer("hil")
Headers = Mapping[str, str]


class UnusableProvider(Exception):
    """Its URL or its key cannot be used."""


@dataclass(frozen=True, slots=True)
class Provider:
    """`base_url` ends before `/chat/completions`."""

    name: str
    base_url: str
    api_key: str = field(repr=False)

    def address(self, path: str) -> Address:
        """Raises ValueError where the URL or the key cannot be used."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.api_key or 'none'}"}
        return address_of(f"{self.base_url.rstrip('/')}/{path}", headers)


@dataclass(frozen=True, slots=True)
class Target:
    """Which model of which provider is called, by the name that the provider knows."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """One piece of a streamed answer, as the provider wrote it."""

    data: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The stream came to its proper end. `usage` None: the provider did not say."""

    usage: Usage | None


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """One pool of connections for all providers; `addresses` by provider and path."""

    connections: Connections
    addresses: Mapping[tuple[str, str], Address]

    async def complete(self, target: Target, body: bytes, *, timeout_seconds: float) -> Answer | Trouble:
        """One call, without retries; it ends within the timeout. Cancelling it closes its connection."""
        with _span("chat", target) as span:
            answered = await self._post(target, _CHAT, body, timeout_seconds)
            outcome = answered if isinstance(answered, Trouble) else _read(read_answer, *answered)
            if span.is_recording():
                _describe(span, outcome)
            return outcome

    async def embed(self, target: Target, body: bytes, *, timeout_seconds: float) -> Embeddings | Trouble:
        """The vectors of some texts."""
        with _span("embeddings", target) as span:
            answered = await self._post(target, _EMBEDDINGS, body, timeout_seconds)
            outcome = answered if isinstance(answered, Trouble) else _read(read_embeddings, *answered)
            if span.is_recording():
                _describe(span, outcome)
            return outcome

    async def stream(
        self, target: Target, body: bytes, *, timeout_seconds: float
    ) -> AsyncGenerator[StreamChunk | StreamEnd | Trouble]:
        """Chunks as they come, then exactly one StreamEnd or Trouble. A stream that stops without saying why it is
        finished is cut, not ended. Closing the generator closes the connection."""
        span = _tracer.start_span(f"chat {target.model}", kind=SpanKind.CLIENT, attributes=_attributes("chat", target))
        try:
            async with aclosing(self._stream(target, body, timeout_seconds)) as items:
                async for item in items:
                    if span.is_recording() and not isinstance(item, StreamChunk):
                        _describe(span, item)
                    yield item
        finally:
            span.end()

    async def _stream(
        self, target: Target, body: bytes, timeout_seconds: float
    ) -> AsyncGenerator[StreamChunk | StreamEnd | Trouble]:
        address = self.addresses[target.provider, _CHAT]
        due = asyncio.get_running_loop().time() + timeout_seconds
        try:
            async with asyncio.timeout_at(due) as waiting, self.connections.post(address, body) as response:
                if response.status != 200:
                    yield _refusal(response, await response.read(_LINE_BYTES_MAX) or b"")
                    return
                async for item in _events(target.provider, response):
                    waiting.reschedule(None)  # While the caller has it, nobody may be cancelled in our name.
                    yield item
                    waiting.reschedule(due)
        except TimeoutError:
            yield Trouble(ErrorClass.TIMEOUT, f"no whole answer within {timeout_seconds:.1f} s", may_have_cost=True)
        except (NotReached, Broken, ValueError) as error:
            yield _broken(target.provider, error)

    async def _post(
        self, target: Target, path: str, body: bytes, timeout_seconds: float
    ) -> tuple[bytes, Headers] | Trouble:
        try:
            async with asyncio.timeout(timeout_seconds):
                async with self.connections.post(self.addresses[target.provider, path], body) as response:
                    content = await response.read(_BODY_BYTES_MAX)
                    if content is None:
                        return _too_long()
                    return (content, response.headers) if response.status == 200 else _refusal(response, content)
        except TimeoutError:
            return Trouble(ErrorClass.TIMEOUT, f"no answer within {timeout_seconds:.1f} s", may_have_cost=True)
        except (NotReached, Broken) as error:
            return _broken(target.provider, error)


def connect_providers(providers: Iterable[Provider]) -> ProviderClient:
    """A client for all of them. Raises UnusableProvider, which names it and never its key."""
    addresses: dict[tuple[str, str], Address] = {}
    for one in providers:
        try:
            addresses |= {(one.name, path): one.address(path) for path in (_CHAT, _EMBEDDINGS)}
        except ValueError as error:
            raise UnusableProvider(f"provider {one.name!r}: {error}") from error
    return ProviderClient(Connections(), addresses)


def _attributes(operation: str, target: Target) -> dict[str, str]:
    """As OpenTelemetry's GenAI conventions name them."""
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": target.provider,
        "gen_ai.request.model": target.model,
    }


@contextmanager
def _span(operation: str, target: Target) -> Iterator[Span]:
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        yield trace.INVALID_SPAN  # Half the cost of a span that nobody keeps.
        return
    name, attributes = f"{operation} {target.model}", _attributes(operation, target)
    with _tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes) as span:
        yield span


def _describe(span: Span, outcome: Answer | Embeddings | StreamEnd | Trouble) -> None:
    if isinstance(outcome, Trouble):
        span.set_attribute("error.type", outcome.error_class)
        return
    if outcome.usage is not None:
        span.set_attribute("gen_ai.usage.input_tokens", outcome.usage.tokens_input)
        span.set_attribute("gen_ai.usage.output_tokens", outcome.usage.tokens_output)
    if isinstance(outcome, Answer):
        span.set_attribute("gen_ai.response.model", outcome.model)
        span.set_attribute("gen_ai.response.finish_reasons", [outcome.finish_reason])


Read = TypeVar("Read")


def _read(read: Callable[[bytes, Headers], Read], content: bytes, headers: Headers) -> Read | Trouble:
    try:
        return read(content, headers)
    except UnreadableAnswer as error:
        return error.trouble


async def _events(provider: str, response: Connection) -> AsyncGenerator[StreamChunk | StreamEnd | Trouble]:
    """Server-sent events: lines `data: {…}`, the last of them `data: [DONE]`."""
    finished, usage = False, None
    while True:
        # Not wait_for: up to Python 3.11 it loses a cancellation that comes together with a line.
        async with asyncio.timeout(_IDLE_SECONDS_MAX):
            line = await response.line(_LINE_BYTES_MAX)
        if line == b"" or line.strip() == b"data: [DONE]":
            break
        if not line.startswith(b"data:"):
            continue  # Comments keep the connection alive; other fields mean nothing here.
        chunk = orjson.loads(line[5:])
        if not isinstance(chunk, dict) or "error" in chunk:
            yield _cut(provider, "it sent an error")
            return
        usage = read_usage(chunk) or usage
        reason = _finish_reason(chunk)
        if reason == "content_filter":
            yield Trouble(ErrorClass.CONTENT_FILTERED, f"{provider} filtered the answer", may_have_cost=True)
            return
        finished = finished or isinstance(reason, str)
        yield StreamChunk(chunk)
    yield StreamEnd(usage) if finished else _cut(provider, "it ended early")


def _finish_reason(chunk: Mapping[str, JsonValue]) -> JsonValue:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first.get("finish_reason") if isinstance(first, dict) else None


def _cut(provider: str, how: str) -> Trouble:
    return Trouble(ErrorClass.PROVIDER_ERROR, f"{provider}: stream cut: {how}", may_have_cost=True)


def _too_long() -> Trouble:
    return Trouble(ErrorClass.PROVIDER_ERROR, f"answer is over {_BODY_BYTES_MAX} bytes", may_have_cost=True)


def _broken(provider: str, error: Exception) -> Trouble:
    if isinstance(error, NotReached):
        return Trouble(ErrorClass.PROVIDER_UNREACHABLE, f"{provider}: {error}")
    how = str(error) if isinstance(error, Broken) else type(error).__name__  # A JSON error quotes what it read.
    return Trouble(ErrorClass.PROVIDER_ERROR, f"{provider}: the connection broke: {how}", may_have_cost=True)


def _refusal(response: Connection, content: bytes) -> Trouble:
    """A status other than 200. Providers bill for answers, not for refusals."""
    status, code = response.status, _error_code(content)
    detail = f"provider answers {status} {code}".strip()
    if status == 429:
        return Trouble(ErrorClass.RATE_LIMITED, detail, retry_after_seconds=_retry_after(response))
    if status >= 500 or status in _RETRYABLE_STATUSES:
        return Trouble(ErrorClass.PROVIDER_ERROR, detail, retry_after_seconds=_retry_after(response))
    if code in _TOO_LONG_CODES:
        return Trouble(ErrorClass.CONTEXT_TOO_LONG, detail)
    if code in ("content_filter", "content_policy_violation"):
        return Trouble(ErrorClass.CONTENT_FILTERED, detail)
    return Trouble(ErrorClass.INVALID_REQUEST, detail)


def _error_code(content: bytes) -> str:
    """The provider's code or type of error. Its message may repeat the prompt, so it goes nowhere."""
    try:
        error = orjson.loads(content).get("error") or {}
        code = error.get("code")
        said = code if isinstance(code, str) and code else error.get("type")  # llama.cpp's code is the status again.
        return str(said or "")[:_DETAIL_CHARACTERS_MAX]
    except (ValueError, AttributeError):
        return ""


def _retry_after(response: Connection) -> float | None:
    """Seconds, or the time until a date (RFC 9110)."""
    said = response.headers.get("retry-after", "")
    try:
        return max(float(said), 0.0)
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(said)
        return max((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None
