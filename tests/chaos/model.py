"""What does the stand-in model answer to a prompt that carries a directive? It is never killed."""

import json
from collections import Counter

from hil.replay_model.answers import Answer, HttpError, Never, Reply, ToolCall
from hil.replay_model.request import ChatRequest, offered_name
from hil.replay_model.script import Script
from tests.chaos.directive import Directive, calls_of, output_of, read_directive, seconds_of


class DirectedModel(Script):
    """A script whose rule is in the prompt; plugs into the replay model's server."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[tuple[str, str]] = Counter()

    def take(self, request: ChatRequest) -> tuple[Answer, float]:
        """The answer and the seconds to wait before it."""
        said = (message.content for message in request.messages if message.role in ("system", "user"))
        directive = next((found for text in said if (found := read_directive(text)) is not None), None)
        if directive is None:
            return HttpError(400, "no directive"), 0.0
        self.calls[directive.place, directive.node] += 1
        delay = seconds_of(directive.place, directive.node) if directive.behaviour == "slow" else 0.0
        return self._answer(directive, request), delay

    def _answer(self, directive: Directive, request: ChatRequest) -> Answer:
        times = self.calls[directive.place, directive.node]
        match directive.behaviour:
            case "fail":
                return HttpError(500, "always")
            case "refuse":
                return HttpError(400, "refused")
            case "never":
                return Never()
            case "error" if times <= directive.count:
                return HttpError(503, f"call {times} of {directive.count} that fail")
            case "garbage" if times <= directive.count:
                return Reply("this is no JSON")
            case "tools":
                return _round(directive, request)
        return Reply(json.dumps(output_of(directive.place, directive.node)))


def _round(directive: Directive, request: ChatRequest) -> Answer:
    """The next tool calls of an agent loop, or its answer; the prompt says how far it is."""
    iteration = 1 + sum(bool(message.tool_calls) for message in request.messages)
    if iteration > directive.count:
        return Reply(json.dumps(output_of(directive.place, directive.node)))
    name = offered_name("append", request.tools) or "append"
    values = calls_of(directive.place, directive.node, iteration)
    calls = (
        ToolCall(f"call_{iteration}_{number}", name, json.dumps({"value": value}))
        for number, value in enumerate(values)
    )
    return Reply("", tuple(calls))
