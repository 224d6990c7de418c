"""What has a client of the model asked for?"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue


def _plain(content: object) -> object:
    """Content is a text, null, or a list of parts of which only the text counts here."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CalledFunction(_Part):
    name: str
    arguments: str


class CalledTool(_Part):
    id: str
    function: CalledFunction


class ChatMessage(_Part):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str, BeforeValidator(_plain)] = ""
    tool_calls: Annotated[tuple[CalledTool, ...], BeforeValidator(lambda calls: calls or ())] = ()
    tool_call_id: str | None = None


class OfferedFunction(_Part):
    name: str


class OfferedTool(_Part):
    function: OfferedFunction


class JsonSchemaFormat(_Part):
    schema_: dict[str, JsonValue] = Field(default_factory=dict, alias="schema")


class ResponseFormat(_Part):
    type: str
    json_schema: JsonSchemaFormat | None = None


class StreamOptions(_Part):
    include_usage: bool = False


class ChatRequest(_Part):
    model: str
    messages: tuple[ChatMessage, ...] = Field(min_length=1)
    tools: tuple[OfferedTool, ...] = ()
    response_format: ResponseFormat | None = None
    max_tokens: int | None = Field(None, ge=1)
    stream: bool = False
    stream_options: StreamOptions | None = None

    @property
    def output_schema(self) -> dict[str, JsonValue] | None:
        wanted = self.response_format
        return wanted.json_schema.schema_ if wanted and wanted.json_schema else None

    @property
    def includes_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def last_user_text(self) -> str:
        return next((message.content for message in reversed(self.messages) if message.role == "user"), "")


def offered_name(tool: str, offered: Sequence[OfferedTool]) -> str | None:
    """The name under which a tool is offered: its own, or with a prefix of its server (`retail__`, `retail.`)."""
    names = [candidate.function.name for candidate in offered]
    prefixed = [name for name in names if name.endswith((f"__{tool}", f".{tool}", f"/{tool}"))]
    return tool if tool in names else next(iter(prefixed), None)
