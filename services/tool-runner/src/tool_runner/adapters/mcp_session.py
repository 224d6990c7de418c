"""How is one call sent over an open MCP session, and what is its answer?"""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

import anyio
import orjson
from mcp import Client, MCPError
from mcp_types import CONNECTION_CLOSED, CallToolRequest, CallToolRequestParams, CallToolResult, TextContent
from mcp_types import Tool as McpTool
from pydantic import JsonValue, TypeAdapter, ValidationError

from tool_runner.adapters.mcp_process import McpProcess
from tool_runner.domain.manifest import ListedTool
from tool_runner.domain.outcome import Answered, Cut, CutBy, TryOutcome, Unusable

PAGES_MAX = 1_000
TOOLS_MAX = 6_000
"""Their versions, with names of 128 characters, are one message of 1 MB."""
LIST_BYTES_MAX = 32 * 1024 * 1024
MESSAGE_CHARACTERS_MAX = 2_000
_RESULT: TypeAdapter[CallToolResult] = TypeAdapter(CallToolResult)


@dataclass(slots=True)
class McpSession:
    """An open session with its process. `cut`: a call was sent and not answered; the process is of no more use."""

    client: Client
    process: McpProcess
    result_bytes_max: int
    cut: bool = False

    @property
    def usable(self) -> bool:
        return not self.cut and not self.process.ended

    async def exchange(self, tool: str, arguments: Mapping[str, JsonValue], *, until: float) -> TryOutcome:
        """Send one call and wait for its answer. A server that does not answer until then is killed: a call that is
        only given up goes on, and wedges a server that answers one after the other."""
        answer = asyncio.ensure_future(sent_call(self.client, tool, arguments))
        try:
            await asyncio.wait({answer}, timeout=until - time.monotonic())
            if answer.done():
                return self._outcome_of(answer)
            self.process.kill()
            return Cut(CutBy.TIMEOUT)
        finally:
            answer.cancel()
            await asyncio.wait({answer}, timeout=5.0)

    def _outcome_of(self, answer: "asyncio.Future[CallToolResult]") -> TryOutcome:
        try:
            result = result_of(answer.result())
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                return Cut(CutBy.SERVER_DEATH)
            return Answered({"error": error.message[:MESSAGE_CHARACTERS_MAX], "code": error.code}, is_error=True)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return Cut(CutBy.SERVER_DEATH)
        except (RuntimeError, ValidationError) as error:  # The SDK's words for an answer that breaks the protocol.
            return Unusable(f"its answer is not what its server declares ({type(error).__name__})")
        return within_bytes(result, self.result_bytes_max)


def sent_call(client: Client, tool: str, arguments: Mapping[str, JsonValue]) -> Coroutine[None, None, CallToolResult]:
    """Send one call. Not by the client's own `call_tool`: it compares the answer with whatever schema the server
    declares, without bounds, in the event loop; ours does that afterwards (`bounded_schema`)."""
    request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=dict(arguments)))
    return client.session.send_request(request, _RESULT)


def result_of(result: CallToolResult) -> Answered:
    """Structured content where there is some, a single text as it is, else the list of content blocks."""
    if result.structured_content is not None:
        return Answered(result.structured_content, result.is_error)
    if len(result.content) == 1 and isinstance(result.content[0], TextContent):
        return Answered(result.content[0].text, result.is_error)
    blocks: list[JsonValue] = [
        block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content
    ]
    return Answered(blocks, result.is_error)


def within_bytes(answered: Answered, bytes_max: int) -> Answered | Unusable:
    """The answer, if it can be passed on: what was read may be more than what can be written."""
    try:
        size = len(orjson.dumps(answered.result))
    except orjson.JSONEncodeError as error:
        return Unusable(f"its answer cannot be written as JSON ({str(error)[:100]})")
    return answered if size <= bytes_max else Unusable(f"its answer of {size} bytes is over the limit of {bytes_max}")


class ListTooLong(RuntimeError):
    """A server lists more than can be held; the text names the limit."""


async def list_tools(client: Client) -> list[ListedTool]:
    """All pages of what the server offers. Raises ListTooLong: half of a list would be taken for all of it."""
    tools: list[ListedTool] = []
    cursor: str | None = None
    bytes_left = LIST_BYTES_MAX
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        tools += [_listed(tool) for tool in page.tools]
        bytes_left -= len(page.model_dump_json())
        cursor = page.next_cursor
        if len(tools) > TOOLS_MAX or bytes_left < 0:
            raise ListTooLong(f"lists more than {TOOLS_MAX} tools, or than {LIST_BYTES_MAX} bytes of them")
        if cursor is None:
            return tools
    raise ListTooLong(f"lists its tools in more than {PAGES_MAX} pages")


def _listed(tool: McpTool) -> ListedTool:
    return ListedTool(tool.name, tool.description or "", tool.input_schema, tool.output_schema)
