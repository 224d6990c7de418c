"""May this call be made, and if not, why?"""

from collections.abc import Iterable
from enum import Enum
from fnmatch import fnmatchcase

from contracts.tool_calls import ExecuteToolCall
from tool_runner.domain.arguments import ARGUMENT_LIMITS
from tool_runner.domain.manifest import Tool
from tool_runner.domain.outcome import ErrorClass, Failed
from tool_runner.domain.size_limits import beyond_limits


class Absence(Enum):
    """Why there is no such tool here: its server does not offer it, has not said yet what it offers, or changed it."""

    UNKNOWN = "unknown"
    NOT_LISTED_YET = "not_listed_yet"
    QUARANTINED = "quarantined"


def is_granted(tool: str, patterns: Iterable[str]) -> bool:
    """Deny by default: some pattern must match, such as `shop.get_order` or `shop.*`."""
    return any(fnmatchcase(tool, pattern) for pattern in patterns)


def refusal_of_node(command: ExecuteToolCall) -> Failed | None:
    """What the workflow gives the node comes first of all: of the rest a model learns not even that it exists."""
    if is_granted(command.tool, command.tools_allowed):
        return None
    granted = ", ".join(command.tools_allowed[:10]) or "nothing"
    return Failed(ErrorClass.DENIED, f"{command.tool} is not granted to node {command.node}; granted: {granted}")


def refusal_of_arguments(command: ExecuteToolCall, tool: Tool) -> Failed | None:
    """What can be said against the arguments before their schema is looked at."""
    reserved = sorted(tool.reserved_arguments.intersection(command.arguments))
    if reserved:
        return Failed(ErrorClass.INVALID_ARGUMENTS, f"{command.tool}: {', '.join(reserved)} cannot be set by a caller")
    if broken := beyond_limits(command.arguments, ARGUMENT_LIMITS):
        return Failed(ErrorClass.INVALID_ARGUMENTS, f"{command.tool}: arguments are {broken}")
    return None


def absent(command: ExecuteToolCall, absence: Absence) -> Failed:
    """The refusal of a call to a tool that is not here."""
    if absence is Absence.UNKNOWN:
        return Failed(ErrorClass.UNKNOWN_TOOL, f"there is no tool {command.tool}")
    if absence is Absence.QUARANTINED:
        detail = f"{command.tool} is quarantined: it changed since it was blessed; hil tool bless {command.tool}"
        return Failed(ErrorClass.DENIED, detail)
    detail = f"the server of {command.tool} did not start in time; the call was not made"
    return Failed(ErrorClass.SERVER_UNAVAILABLE, detail, retryable=True)
