"""What can come back from a provider?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from llm_gateway.domain.failure import ErrorClass, Failure


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counts them; `tokens_cached` are part of `tokens_input`."""

    tokens_input: int = 0
    tokens_cached: int = 0
    tokens_output: int = 0


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A tool call as the model wrote it: name as offered, arguments as text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. `usage` None: the provider did not say, so the call counts at its maximum. `raw` is the body
    as the provider wrote it, for callers who speak its language."""

    model: str
    text: str = ""
    tool_calls: tuple[CalledTool, ...] = ()
    finish_reason: str = "stop"
    usage: Usage | None = None
    replayed: bool = False
    raw: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """No complete answer. `may_have_cost`: the provider may have worked, and bills for it (timeout, cut body)."""

    error_class: ErrorClass
    detail: str
    may_have_cost: bool = False
    retry_after_seconds: float | None = None

    @property
    def failure(self) -> Failure:
        return Failure(self.error_class, self.detail)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector a text, in the order of the texts; as numbers or, where asked for, as base64."""

    vectors: tuple[JsonValue, ...]
    usage: Usage | None = None
