"""How is a claimed call made, and made again, until it has a verdict?"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from tool_runner.domain.manifest import Tool
from tool_runner.domain.outcome import Again, Answered, TryOutcome, Verdict, verdict_of
from tool_runner.domain.tool_request import ToolRequest


class ToolServer(Protocol):
    """Whatever makes calls: an MCP server, functions of this process."""

    @property
    def available(self) -> bool: ...

    async def call(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome: ...


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call that is allowed and claimed."""

    tool: Tool
    request: ToolRequest


async def make_call(call: PreparedCall, server: ToolServer, starting: Callable[[], Awaitable[None]]) -> Verdict:
    """Try until there is a verdict; `starting` is awaited before each time that the tool may be reached."""
    tries = 0
    while True:
        tries += 1
        outcome = await server.call(call.request, starting)
        verdict = verdict_of(_projected(outcome, call.tool.result_field), call.tool, tries=tries)
        if verdict is not Again.AGAIN:
            return verdict


def seconds_from_now(seconds: float) -> float:
    """A deadline on the clock of `ToolRequest.until`."""
    return time.monotonic() + seconds


def _projected(outcome: TryOutcome, field: str | None) -> TryOutcome:
    """The one field of a structured result that callers are to see, where the servers file names one."""
    if field is None or not isinstance(outcome, Answered):
        return outcome
    if not isinstance(outcome.result, dict) or field not in outcome.result:
        return outcome
    return Answered(outcome.result[field], outcome.is_error)
