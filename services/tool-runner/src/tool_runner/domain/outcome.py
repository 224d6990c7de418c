"""What does the end of one try mean for the call: done, failed, unknown, or once more?"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from pydantic import JsonValue

from contracts.budgets import CapReached
from tool_runner.domain.manifest import SideEffect, Tool

TRIES_MAX = 3
"""Tries of one call inside one command; each needs a server that died under it."""
DETAIL_CHARACTERS_MAX = 2_000


class ErrorClass(StrEnum):
    """The closed set of ToolCallFailed.error_class."""

    DENIED = "denied"
    UNKNOWN_TOOL = "unknown_tool"
    INVALID_ARGUMENTS = "invalid_arguments"
    TIMEOUT = "timeout"
    SERVER_UNAVAILABLE = "server_unavailable"
    BUDGET_EXCEEDED = "budget_exceeded"
    INVALID_RESULT = "invalid_result"
    KEY_REUSED = "key_reused"


class CutBy(Enum):
    """What ended a call that was sent and not answered."""

    TIMEOUT = "the deadline"
    SERVER_DEATH = "the death of its server"


@dataclass(frozen=True, slots=True)
class Answered:
    """The tool answered; `is_error` is its own word."""

    result: JsonValue
    is_error: bool


class Refusal(Enum):
    """Why a server makes no call for a credential. `CREDENTIALS`: other tokens of the same account might be taken."""

    CREDENTIALS = "they are not taken"
    RATE = "they were used too often"


@dataclass(frozen=True, slots=True)
class NotSent:
    """Surely nothing reached the tool. `refusal` where its server said no to these credentials alone."""

    error_class: ErrorClass
    detail: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The call was sent; whether it had its effect is not known."""

    by: CutBy


@dataclass(frozen=True, slots=True)
class Unusable:
    """The tool ran, but its answer cannot be given to anybody."""

    detail: str


TryOutcome = Answered | NotSent | Cut | Unusable


@dataclass(frozen=True, slots=True)
class Done:
    """Ends as ToolCallCompleted."""

    result: JsonValue
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Ends as ToolCallFailed: no effect, or one that the same call may repeat."""

    error_class: ErrorClass
    detail: str = ""
    retryable: bool = False
    cap_reached: CapReached | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Ends as ToolCallOutcomeUnknown: a person decides."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalRequired:
    """Ends as ToolCallApprovalRequired: nothing has run, a person is asked. It is no verdict: nothing is recorded.
    `manifest_version`: of the manifest whose policy asks."""

    policy: str
    arguments_hash: str
    manifest_version: str | None = None


Verdict = Done | Failed | Unknown


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ends; `repeated` when the call had ended before, and the tool did not run for this command."""

    verdict: Verdict | ApprovalRequired
    repeated: bool = False
    cost_microdollars: int = 0


class Again(Enum):
    """The same call may be made once more."""

    AGAIN = "again"


def verdict_of(outcome: TryOutcome, tool: Tool, *, tries: int) -> Verdict | Again:
    """What follows from try number `tries` (from 1)."""
    match outcome:
        case Answered(result, is_error):
            return Done(result, is_error)
        case NotSent(error_class, detail):
            lasting = error_class in (ErrorClass.DENIED, ErrorClass.INVALID_ARGUMENTS)
            return Failed(error_class, detail, retryable=not lasting)
        case Cut(by):
            return _verdict_of_cut(by, tool, tries)
    return verdict_of_unusable(outcome, tool)


def verdict_of_unusable(outcome: Unusable, tool: Tool) -> Failed | Unknown:
    """A read may be made again; of a write nobody knows more than that it ran."""
    if tool.rules.side_effect is SideEffect.READ:
        return Failed(ErrorClass.INVALID_RESULT, f"{tool.name}: {outcome.detail}")
    return Unknown(f"{tool.name} ran, but {outcome.detail}")


def verdict_of_orphan(tool: Tool) -> Unknown | Again:
    """An earlier process had sent the call and was never heard of again."""
    if tool.may_run_again:
        return Again.AGAIN
    return Unknown(f"{tool.name} was cut by the end of the process that ran it; it may have had its effect")


def _verdict_of_cut(by: CutBy, tool: Tool, tries: int) -> Verdict | Again:
    if not tool.may_run_again:
        return Unknown(f"{tool.name} was cut by {by.value}; it may have had its effect")
    if by is CutBy.TIMEOUT:
        return Failed(ErrorClass.TIMEOUT, f"{tool.name} did not answer before the deadline", retryable=True)
    if tries < TRIES_MAX:
        return Again.AGAIN
    return Failed(ErrorClass.SERVER_UNAVAILABLE, f"the server of {tool.name} died {tries} times", retryable=True)
