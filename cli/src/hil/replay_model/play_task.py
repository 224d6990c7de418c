"""What would a model that solves the task do next, seeing only this request?

It keeps no state and knows nothing of the system: it reads the conversation that it is sent, makes the expected
calls one at a time, and ends with what must be communicated.
"""

import json
from collections.abc import Mapping, Sequence

from hil.domain_file import Domain, Task
from hil.replay_model.answers import HttpError, Reply, ToolCall
from hil.replay_model.fill_schema import in_format
from hil.replay_model.request import ChatMessage, ChatRequest, offered_name

_DONE = "Your request has been taken care of."
_TRANSFERRED = "You are being transferred to a human agent."


def recognise(openings: Mapping[str, str], messages: Sequence[ChatMessage]) -> tuple[str, Sequence[ChatMessage]] | None:
    """The task whose opening was said last, and the messages after it; `openings` maps normalised texts to ids."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role != "user":
            continue
        said = normalised(messages[index].content)
        exact = openings.get(said)
        # A prompt may put words around what the customer said; the longest opening in it is the one meant.
        within = max((text for text in openings if text in said), key=len, default=None) if exact is None else None
        if exact is not None or within is not None:
            return exact if exact is not None else openings[str(within)], messages[index + 1 :]
    return None


def normalised(text: str) -> str:
    """The text without differences of white space."""
    return " ".join(text.split())


def play(domain: Domain, task: Task, request: ChatRequest, since: Sequence[ChatMessage]) -> Reply | HttpError | None:
    """The next answer in the task; None when it is over and the customer has said something else since."""
    expected_ids = [call_id(domain.name, task.id, index) for index in range(len(task.actions))]
    if trouble := _wrong_results(expected_ids, since):
        return HttpError(400, trouble)
    if any(message.role == "assistant" and not message.tool_calls for message in since):
        return None
    done = sum(message.role == "tool" for message in since)
    if done < len(task.actions):
        return _next_call(domain, task, done, request)
    return Reply(in_format(request.output_schema, _closing(domain, task)))


def call_id(domain: str, task_id: str, index: int) -> str:
    """The id of the call number `index` of a task, the same every time."""
    return f"call_{domain}_{task_id}_{index}"


def _wrong_results(expected_ids: Sequence[str], since: Sequence[ChatMessage]) -> str | None:
    made = [call.id for message in since for call in message.tool_calls]
    results = [message.tool_call_id for message in since if message.role == "tool"]
    if made != expected_ids[: len(made)]:
        return f"tool calls {made} are not the ones that this model made: {expected_ids[: len(made)]}"
    if results != made:
        return f"tool results {results} do not answer the tool calls {made}, each once and in order"
    return None


def _next_call(domain: Domain, task: Task, index: int, request: ChatRequest) -> Reply | HttpError:
    action = task.actions[index]
    name = offered_name(action.name, request.tools)
    if name is None:
        offered = ", ".join(tool.function.name for tool in request.tools) or "none"
        return HttpError(400, f"tool {action.name} is not offered (offered: {offered})")
    is_transfer = action.name == domain.file.transfer_tool
    text = _closing(domain, task) if is_transfer and task.communicate_info else ""
    arguments = json.dumps(action.arguments, ensure_ascii=False)
    return Reply(text, (ToolCall(call_id(domain.name, task.id, index), name, arguments),))


def _closing(domain: Domain, task: Task) -> str:
    ending = _TRANSFERRED if domain.expects_transfer(task) else _DONE
    return " ".join([ending, *(f"For your information: {info}." for info in task.communicate_info)])
