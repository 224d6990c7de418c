"""Which message types exist, and how is a stored message read?"""

import inspect

from pydantic import ValidationError

from contracts import (
    alerts,
    budgets,
    completions,
    conversations,
    costs,
    evaluations,
    executions,
    experiments,
    handover_clocks,
    handovers,
    kpis,
    notes,
    suggestions,
    tool_calls,
)
from contracts.envelope import PAYLOAD_BYTES_MAX, Message
from contracts.subjects import SubjectError, parse_subject

MODULES = (
    conversations, executions, completions, tool_calls, handovers, handover_clocks, notes, suggestions, budgets, costs,
    alerts, kpis, experiments, evaluations,
)  # fmt: skip


class UnreadableMessage(ValueError):
    """A message that can never be read; the text names what is wrong, the value and the limit."""


def _types() -> tuple[type[Message], ...]:
    found = (value for module in MODULES for value in vars(module).values() if inspect.isclass(value))
    named = {value.route.type: value for value in found if issubclass(value, Message) and "route" in vars(value)}
    return tuple(named.values())


ALL_MESSAGES: tuple[type[Message], ...] = _types()
BY_TYPE: dict[str, type[Message]] = {kind.route.type: kind for kind in ALL_MESSAGES}


def type_of(subject: str) -> type[Message]:
    """The message type that a subject carries; raises UnreadableMessage for an unknown type or version."""
    try:
        parsed = parse_subject(subject)
    except SubjectError as error:
        raise UnreadableMessage(str(error)) from error
    found = BY_TYPE.get(parsed.type)
    if found is not None:
        return found
    known = sorted(name for name in BY_TYPE if name.rsplit(".", 1)[0] == parsed.type.rsplit(".", 1)[0])
    hint = f"known versions: {', '.join(known)}" if known else "no message has this name"
    raise UnreadableMessage(f"message type {parsed.type} is unknown; {hint}")


def read_message(subject: str, body: bytes, *, bytes_max: int = PAYLOAD_BYTES_MAX) -> Message:
    """Parse and validate one message of at most `bytes_max`; raises UnreadableMessage."""
    kind = type_of(subject)
    if len(body) > bytes_max:
        raise UnreadableMessage(
            f"{kind.route.type}: payload of {len(body)} bytes is over the limit of {bytes_max}; "
            "put large content into the object store and send its reference"
        )
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise UnreadableMessage(f"{kind.route.type}: {describe(error)}") from error


def describe(error: ValidationError, *, problems_max: int = 5) -> str:
    """Field, problem and value of each error in one line; values are cut to 80 characters."""
    problems = error.errors(include_url=False, include_context=False)
    lines = [
        f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']} (got {str(problem['input'])[:80]!r})"
        for problem in problems[:problems_max]
    ]
    more = len(problems) - problems_max
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
