"""How is an OpenAI-compatible provider called, and what does each of its troubles mean?"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import orjson
from openai.types.chat import ChatCompletion, ChatCompletionMessageFunctionToolCall
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from pydantic import JsonValue, ValidationError

from llm_gateway.domain.answer import Answer, CalledTool, Trouble, Usage
from llm_gateway.domain.failure import ErrorClass

_BODY_BYTES_MAX = 8 * 1024 * 1024
_DETAIL_CHARACTERS_MAX = 300
_RETRYABLE_STATUSES = frozenset({408, 409, 425})
_tracer = trace.get_tracer("hil")


@dataclass(frozen=True, slots=True)
class Provider:
    """`base_url` ends before `/chat/completions`."""

    name: str
    base_url: str
    api_key: str


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """One connection pool for all providers."""

    session: aiohttp.ClientSession
    providers: Mapping[str, Provider]

    async def complete(
        self, provider_name: str, body: dict[str, JsonValue], *, timeout_seconds: float
    ) -> Answer | Trouble:
        """One call, without retries; it ends within the timeout."""
        provider, model = self.providers[provider_name], str(body["model"])
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider.name,
            "gen_ai.request.model": model,
        }
        with _tracer.start_as_current_span(f"chat {model}", kind=SpanKind.CLIENT, attributes=attributes) as span:
            outcome = await self._call(provider, body, timeout_seconds)
            if isinstance(outcome, Trouble):
                span.set_attribute("error.type", outcome.error_class)
            elif outcome.usage is not None:
                span.set_attribute("gen_ai.usage.input_tokens", outcome.usage.tokens_input)
                span.set_attribute("gen_ai.usage.output_tokens", outcome.usage.tokens_output)
            return outcome

    async def _call(self, provider: Provider, body: dict[str, JsonValue], timeout_seconds: float) -> Answer | Trouble:
        headers = {"content-type": "application/json", "authorization": f"Bearer {provider.api_key or 'none'}"}
        url = f"{provider.base_url.rstrip('/')}/chat/completions"
        try:
            async with (
                asyncio.timeout(timeout_seconds),
                self.session.post(url, data=orjson.dumps(body), headers=headers) as response,
            ):
                content = await response.content.read(_BODY_BYTES_MAX + 1)
                while (more := await response.content.read(_BODY_BYTES_MAX)) and len(content) <= _BODY_BYTES_MAX:
                    content += more
                return _read(response, content)
        except TimeoutError:
            return Trouble(ErrorClass.TIMEOUT, f"no answer within {timeout_seconds:.1f} s", may_have_cost=True)
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            return Trouble(ErrorClass.PROVIDER_UNREACHABLE, f"{provider.name}: {type(error).__name__}")
        except aiohttp.ClientError as error:
            detail = f"{provider.name}: connection broke: {type(error).__name__}"
            return Trouble(ErrorClass.PROVIDER_ERROR, detail, may_have_cost=True)


def _read(response: aiohttp.ClientResponse, content: bytes) -> Answer | Trouble:
    if response.status != 200:
        return _refusal(response, content)
    if len(content) > _BODY_BYTES_MAX:
        return Trouble(ErrorClass.PROVIDER_ERROR, f"answer is over {_BODY_BYTES_MAX} bytes", may_have_cost=True)
    try:
        completion = ChatCompletion.model_validate_json(content)
        choice = completion.choices[0]
    except (ValidationError, IndexError) as error:
        detail = f"answer cannot be read: {type(error).__name__}"
        return Trouble(ErrorClass.PROVIDER_ERROR, detail, may_have_cost=True)
    calls = [
        call for call in choice.message.tool_calls or () if isinstance(call, ChatCompletionMessageFunctionToolCall)
    ]
    return Answer(
        model=completion.model,
        text=choice.message.content or choice.message.refusal or "",
        tool_calls=tuple(CalledTool(call.id, call.function.name, call.function.arguments) for call in calls),
        finish_reason=choice.finish_reason,
        usage=_usage(completion),
        replayed=response.headers.get("x-hil-replayed") == "true" or completion.system_fingerprint == "replayed",
    )


def _usage(completion: ChatCompletion) -> Usage | None:
    usage = completion.usage
    if usage is None:
        return None
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details is not None else 0
    return Usage(usage.prompt_tokens, cached, usage.completion_tokens)


def _refusal(response: aiohttp.ClientResponse, content: bytes) -> Trouble:
    """A status other than 200. Providers bill for answers, not for refusals."""
    status, code = response.status, _error_code(content)
    detail = f"provider answers {status} {code}".strip()
    if status == 429:
        return Trouble(ErrorClass.RATE_LIMITED, detail, retry_after_seconds=_retry_after(response))
    if status >= 500 or status in _RETRYABLE_STATUSES:
        return Trouble(ErrorClass.PROVIDER_ERROR, detail, retry_after_seconds=_retry_after(response))
    if code == "context_length_exceeded":
        return Trouble(ErrorClass.CONTEXT_TOO_LONG, detail)
    return Trouble(ErrorClass.INVALID_REQUEST, detail)


def _error_code(content: bytes) -> str:
    """The provider's code or type of error. Its message may repeat the prompt, so it goes nowhere."""
    try:
        error = orjson.loads(content).get("error") or {}
        return str(error.get("code") or error.get("type") or "")[:_DETAIL_CHARACTERS_MAX]
    except (ValueError, AttributeError):
        return ""


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    try:
        return max(float(response.headers.get("retry-after", "")), 0.0)
    except ValueError:
        return None
