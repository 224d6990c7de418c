"""What has been said so far in an agent loop whose commands hold only what is new?"""

from collections.abc import Iterable, Mapping

from contracts.completions import CompletionProduced, PromptMessage, RequestCompletion
from contracts.envelope import LogEntry
from llm_gateway.domain.failure import ErrorClass, Failure

Prompt = tuple[PromptMessage, ...]
_LINKS_MAX = 500


def after_answer(prompt: Prompt, answer: CompletionProduced) -> Prompt:
    """The prompt with its answer, as the next link of the chain goes on from it."""
    return (*prompt, PromptMessage(role="assistant", content=answer.text, tool_calls=answer.tool_calls))


def prompt_of_chain(entries: Iterable[LogEntry], request_id: str) -> Prompt | Failure:
    """All messages of the chain that ends with `request_id`, its answer included; `entries` is the log of its key."""
    requests: dict[str, RequestCompletion] = {}
    answers: dict[str, CompletionProduced] = {}
    for entry in entries:
        if isinstance(entry.message, RequestCompletion):
            requests.setdefault(entry.id, entry.message)
        elif isinstance(entry.message, CompletionProduced):
            answers.setdefault(entry.message.command_id, entry.message)
    return _joined(requests, answers, request_id)


def _joined(
    requests: Mapping[str, RequestCompletion], answers: Mapping[str, CompletionProduced], request_id: str
) -> Prompt | Failure:
    links: list[Prompt] = []
    at: str | None = request_id
    while at is not None:
        request, answer = requests.get(at), answers.get(at)
        if request is None or answer is None or len(links) >= _LINKS_MAX:
            return Failure(
                ErrorClass.INVALID_REQUEST, f"chain of {request_id} breaks at {at}: no such answered request"
            )
        links.append(after_answer(request.messages, answer))
        at = request.continues
    return tuple(message for link in reversed(links) for message in link)
