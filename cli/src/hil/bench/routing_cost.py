"""What do the completions in a log cost as they were routed, and all by the best model?"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.envelope import LogEntry
from contracts.tool_calls import ToolDescription
from llm_gateway.domain.chat_body import shared_body
from llm_gateway.domain.cost import cost_at_most
from llm_gateway.domain.count_tokens import count_tokens
from llm_gateway.domain.failure import Failure
from llm_gateway.domain.models import Model, ModelTable
from llm_gateway.domain.prompt import prompt_of_chain
from llm_gateway.domain.tool_names import offer

BEST_PROFILE = "powerful"


class NotComparable(Exception):
    """A log whose cost says nothing; the text names the completion."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answered request: who answered, and its tokens as its vocabulary counts them."""

    workflow: str
    profile: str
    model: str
    tokens_input: int
    tokens_output: int


@dataclass(frozen=True, slots=True)
class WorkflowCost:
    """Of all completions of one workflow, or of all (`workflow` empty)."""

    workflow: str
    completions: int = 0
    tokens_input: int = 0
    tokens_output: int = 0
    routed_microdollars: int = 0
    powerful_microdollars: int = 0

    @property
    def saved_percent(self) -> float:
        """Share of the best model's cost that routing saves."""
        if self.powerful_microdollars == 0:
            return 0.0
        return round(100 * (1 - self.routed_microdollars / self.powerful_microdollars), 1)


def completions_in(
    entries: Sequence[LogEntry], tools: Sequence[ToolDescription], table: ModelTable
) -> Iterator[Completion]:
    """All completions in the log of a key, their prompts rebuilt as they were sent. Raises NotComparable."""
    requests = {entry.id: entry.message for entry in entries if isinstance(entry.message, RequestCompletion)}
    for entry in entries:
        if isinstance(entry.message, CompletionFailed):
            raise NotComparable(f"a completion of {entry.message.workflow} failed: {entry.message.detail[:200]}")
        if isinstance(entry.message, CompletionProduced):
            request = requests[entry.message.command_id]
            yield _completion(request, entry.message, entries, tools=tools, table=table)


def costs(completions: Iterable[Completion], table: ModelTable) -> list[WorkflowCost]:
    """By workflow, and the sum at the end: the same tokens at both prices, each call rounded up."""
    best = _first_of(table, BEST_PROFILE)
    found: dict[str, WorkflowCost] = {}
    total = WorkflowCost("")
    for one in completions:
        before = found.get(one.workflow, WorkflowCost(one.workflow))
        found[one.workflow], total = (_with(cost, one, table.models[one.model], best) for cost in (before, total))
    return [*(found[name] for name in sorted(found)), total]


def _completion(
    request: RequestCompletion,
    answer: CompletionProduced,
    entries: Sequence[LogEntry],
    *,
    tools: Sequence[ToolDescription],
    table: ModelTable,
) -> Completion:
    before = () if request.continues is None else prompt_of_chain(entries, request.continues)
    if isinstance(before, Failure):
        raise NotComparable(f"a prompt of {request.workflow} cannot be rebuilt: {before.detail}")
    offered, _ = offer(tools, request.tools)
    prompt = (*before, *request.messages)
    body = shared_body(prompt, offered, output_schema=request.output_schema, temperature=request.temperature)
    model = table.models.get(answer.model or "") or _first_of(table, request.profile)
    return Completion(
        workflow=request.workflow,
        profile=request.profile,
        model=model.name,
        tokens_input=count_tokens(body, model.encoding).tokens,
        tokens_output=_tokens(answer.text + "".join(_written(answer)), model.encoding),
    )


def _tokens(text: str, encoding: str | None) -> int:
    """Of a text alone, without what surrounds a request."""
    return count_tokens({"input": text}, encoding).tokens - count_tokens({"input": ""}, encoding).tokens


def _written(answer: CompletionProduced) -> Iterator[str]:
    for call in answer.tool_calls:
        yield call.tool + json.dumps(call.arguments, ensure_ascii=False)


def _first_of(table: ModelTable, profile: str) -> Model:
    candidates = table.candidates_of(profile)
    if not candidates:
        raise NotComparable(f"the models file has no profile {profile!r}")
    return candidates[0]


def _with(cost: WorkflowCost, one: Completion, routed: Model, best: Model) -> WorkflowCost:
    tokens = {"tokens_input": one.tokens_input, "tokens_output_max": one.tokens_output}
    return replace(
        cost,
        completions=cost.completions + 1,
        tokens_input=cost.tokens_input + one.tokens_input,
        tokens_output=cost.tokens_output + one.tokens_output,
        routed_microdollars=cost.routed_microdollars + cost_at_most(routed.price, **tokens),
        powerful_microdollars=cost.powerful_microdollars + cost_at_most(best.price, **tokens),
    )
