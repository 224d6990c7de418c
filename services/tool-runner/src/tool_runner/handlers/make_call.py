"""How is a claimed call made, and made again, until it has a verdict?"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import JsonValue

from tool_runner.domain.manifest import Tool
from tool_runner.domain.outcome import Again, Answered, NotSent, Refusal, TryOutcome, Unusable, Verdict, verdict_of
from tool_runner.domain.size_limits import RESULT_DEPTH_MAX, RESULT_VALUES_MAX, SizeLimits, beyond_limits
from tool_runner.domain.tool_request import ToolRequest


class ToolServer(Protocol):
    """Whatever makes calls: an MCP server, functions of this process."""

    @property
    def available(self) -> bool: ...

    async def call(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome: ...


class ProblemOf(Protocol):
    """What speaks against giving a result to anybody; `whole` is the answer that `given` is a part of."""

    def __call__(self, given: JsonValue, *, whole: JsonValue) -> str | None: ...


class Renew(Protocol):
    """Headers to try instead of those of a request that were refused, or why there are none."""

    async def __call__(self, request: ToolRequest) -> Mapping[str, str] | str: ...


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call that is allowed and claimed; `renew` where an account stands behind its headers."""

    tool: Tool
    request: ToolRequest
    problem_of_result: ProblemOf
    renew: Renew | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """How it ended; `was_sent` when the tool may have been reached, by whichever try."""

    verdict: Verdict
    was_sent: bool


async def make_call(call: PreparedCall, server: ToolServer, starting: Callable[[], Awaitable[None]]) -> Tried:
    """Try until there is a verdict; `starting` is awaited before each time that the tool may be reached."""
    tries, was_sent, renew = 0, False, call.renew
    while True:
        tries += 1
        outcome = _checked(await server.call(call.request, starting), call)
        if isinstance(outcome, NotSent) and outcome.refusal is Refusal.CREDENTIALS and renew is not None:
            found, renew = await renewed(call, outcome, renew), None
            if isinstance(found, PreparedCall):
                call = found
                continue
            outcome = found
        was_sent = was_sent or not isinstance(outcome, NotSent)
        verdict = verdict_of(outcome, call.tool, tries=tries)
        if verdict is not Again.AGAIN:
            return Tried(verdict, was_sent)


async def renewed(call: PreparedCall, refused: NotSent, renew: Renew) -> PreparedCall | NotSent:
    """The call with other headers of its account. One that must not be made twice is not made again: the word of a
    server is all that says that it was not made. The next one finds the new tokens."""
    found = await renew(call.request)
    if isinstance(found, str):
        return replace(refused, detail=f"{refused.detail}; {found}")
    if not call.tool.may_run_again:
        detail = f"{call.tool.name}: its server refused the credentials, which are renewed now; ask for the call again"
        return replace(refused, detail=detail)
    return replace(call, request=replace(call.request, headers=found))


def seconds_from_now(seconds: float) -> float:
    """A deadline on the clock of `ToolRequest.until`."""
    return time.monotonic() + seconds


def _checked(outcome: TryOutcome, call: PreparedCall) -> TryOutcome:
    """An answer as callers are to see it, if they may: within limits and, unless it is an error, as its schema says."""
    if not isinstance(outcome, Answered):
        return outcome
    given = _projected(outcome.result, call.tool.result_field)
    limits = SizeLimits(RESULT_DEPTH_MAX, RESULT_VALUES_MAX, call.tool.rules.result_characters_max)
    if broken := beyond_limits(given, limits):
        return Unusable(f"its answer is {broken}")
    problem = None if outcome.is_error else call.problem_of_result(given, whole=outcome.result)
    return Answered(given, outcome.is_error) if problem is None else Unusable(problem)


def _projected(result: JsonValue, field: str | None) -> JsonValue:
    """The one field of a structured result that callers are to see, where the manifest names one."""
    return result[field] if field is not None and isinstance(result, dict) and field in result else result
