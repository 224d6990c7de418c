"""Which model does what the customer's own words say, so that a test can write down a whole conversation in one line?

A text like `do append:a append:b transfer` makes these tool calls one after the other, then answers `done: a, b`; any
other text is said again. Rules of the script go before that."""

import json
from collections.abc import Sequence

from hil.replay_model.answers import Answer, Reply, ToolCall
from hil.replay_model.fill_schema import in_format
from hil.replay_model.request import ChatMessage, ChatRequest, offered_name
from hil.replay_model.script import Script

HOLD_MS = 50
"""Each append takes this long at its server, so that a test can interfere in the middle."""
_REPAIR = "Your answer cannot be used"


class PlannedModel(Script):
    """A script that plugs into the replay model's server. It keeps no state: the prompt says how far it is."""

    def take(self, request: ChatRequest) -> tuple[Answer, float]:
        """The answer and the seconds to wait before it."""
        return super().take(request) or (_planned(request), 0.0)


def _planned(request: ChatRequest) -> Reply:
    last = max(index for index, message in enumerate(request.messages) if _is_customers(message))
    said = request.messages[last].content.strip()
    if not said.startswith("do "):
        return Reply(in_format(request.output_schema, f"you said: {said}"))
    steps = said.split()[1:]
    made = _made(request.messages[last + 1 :])
    if made < len(steps):
        return Reply("", (_call(steps[made], made, request),))
    return Reply(in_format(request.output_schema, done_text(said)))


def _is_customers(message: ChatMessage) -> bool:
    """Whether it is not the gateway that asks for a better answer."""
    return message.role == "user" and not message.content.startswith(_REPAIR)


def done_text(said: str) -> str:
    """What the customer reads at the end of a plan."""
    return "done: " + ", ".join(step.partition(":")[2] or step for step in said.split()[1:])


def _made(since: Sequence[ChatMessage]) -> int:
    return sum(len(message.tool_calls) for message in since)


def _call(step: str, number: int, request: ChatRequest) -> ToolCall:
    tool, _, value = step.partition(":")
    arguments: dict[str, object] = {}
    if tool == "append":
        arguments = {"value": value, "hold_ms": HOLD_MS}
    elif tool == "slow":
        arguments = {"ms": int(value)}
    return ToolCall(f"call_{number}", offered_name(tool, request.tools) or tool, json.dumps(arguments))
