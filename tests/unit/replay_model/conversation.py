"""How does a test play an agent loop against the replay model, without the system?"""

import json
from typing import Any

from hil.domain_file import Domain, Task
from hil.replay_model.answers import HttpError, Reply
from hil.replay_model.request import ChatRequest


def tools_of(domain: Domain, prefix: str = "") -> list[dict[str, Any]]:
    names = sorted({action.name for task in domain.tasks_of("train") for action in task.actions})
    return [{"type": "function", "function": {"name": prefix + name}} for name in names]


def request_of(messages: list[dict[str, Any]], tools: list[dict[str, Any]], **more: Any) -> ChatRequest:
    return ChatRequest.model_validate({"model": "m", "messages": messages, "tools": tools, **more})


def play_through(player: Any, domain: Domain, task: Task, prefix: str = "") -> tuple[list[tuple[str, Any]], str]:
    """All calls in order, and the final text."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "policy"},
        {"role": "user", "content": task.opening},
    ]
    calls: list[tuple[str, Any]] = []
    for _ in range(40):
        reply = player.answer(request_of(messages, tools_of(domain, prefix)))
        assert isinstance(reply, Reply), reply
        if not reply.tool_calls:
            return calls, reply.text
        assert len(reply.tool_calls) == 1
        call = reply.tool_calls[0]
        calls.append((call.name, json.loads(call.arguments)))
        function = {"name": call.name, "arguments": call.arguments}
        messages.append({"role": "assistant", "content": None, "tool_calls": [{"id": call.id, "function": function}]})
        messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"ok": true}'})
    raise AssertionError("the conversation does not end")


def refusal_of(answer: object) -> str:
    assert isinstance(answer, HttpError), answer
    assert answer.status == 400
    return answer.message
