"""What can the replay model answer, troubles included?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is the JSON text as a model would write it, which need not be valid."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """`cut`: the text was longer than the request allowed."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    cut: bool = False


@dataclass(frozen=True, slots=True)
class HttpError:
    status: int
    message: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A 200 whose body is not what it says it is."""

    body: str


@dataclass(frozen=True, slots=True)
class Cut:
    """A good reply whose connection breaks after some bytes of the body."""

    reply: Reply
    after_bytes: int


@dataclass(frozen=True, slots=True)
class Never:
    """The connection stays open and nothing comes."""


Answer = Reply | HttpError | Malformed | Cut | Never
