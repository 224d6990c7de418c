"""What does a prompt or an expression see of the conversation?"""

from collections.abc import Mapping

from contracts.completions import CompletionProduced, PromptMessage, RequestCompletion
from orchestrator.domain.limits import tokens_of
from orchestrator.domain.return_packet import words_of_the_house
from orchestrator.domain.state import Conversation, Execution, Line, Summary, Turn
from orchestrator.domain.workflow import JsonValue, Workflow

SUMMARY_PROMPT = (
    "Summarise this conversation between a customer and a support agent in at most 200 words. Keep names, numbers, "
    "identifiers, promises and open questions exactly as they are. Answer with the summary alone."
)


def scope_of(state: Conversation, execution: Execution, outputs: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Names for expressions and templates: turn, input, conversation, and `<node id>: {output}` for finished nodes."""
    turn = state.turns.get(execution.turn_id) if execution.turn_id is not None else None
    start = state.start.message if state.start is not None else None
    source = turn.message if turn is not None else start
    scope: dict[str, JsonValue] = {
        "turn": {} if turn is None else {"id": turn.message.turn_id, "text": turn.message.text},
        "input": {} if start is None else dict(start.input),
        "conversation": {
            "tenant": state.tenant,
            "id": state.key,
            "entity": source.entity if source is not None else None,
            "metadata": dict(source.metadata) if source is not None else {},
            "facts": dict(state.facts),
            "turns": turns_so_far(state, execution),
        },
    }
    return scope | {name: {"output": output} for name, output in outputs.items()}


def turns_so_far(state: Conversation, execution: Execution) -> int:
    """Turns up to the execution's own: what comes in while it goes on must not change what it sees."""
    own = state.turns.get(execution.turn_id) if execution.turn_id is not None else None
    return 0 if own is None else sum(turn.sequence <= own.sequence for turn in state.turns.values())


def prompt_of(
    state: Conversation, execution: Execution, workflow: Workflow, *, instructions: str, rules: tuple[str, ...]
) -> tuple[PromptMessage, ...]:
    """The first prompt of a node: its instructions, rules that hold beside them, what people left for the AI, what was
    said before within the token budget, and the customer's message. Standalone executions have the rules and the
    instructions alone."""
    ruled = [PromptMessage(role="system", content=rule) for rule in rules]
    turn = state.turns.get(execution.turn_id) if execution.turn_id is not None else None
    if turn is None:
        return (*ruled, PromptMessage(role="user", content=instructions))
    newest = newest_summary(state, execution)
    summary = newest.text if newest is not None else ""
    house = words_of_the_house(state)
    budget = workflow.limits.context_tokens_max - sum(map(tokens_of, (turn.message.text, summary, house)))
    before = lines_before(state, newest.until if newest is not None else 0, turn)
    recent = recent_lines(before, budget)
    system = [PromptMessage(role="system", content=instructions)] if instructions else []
    if summary:
        system.append(PromptMessage(role="system", content=f"Summary of the conversation so far: {summary}"))
    if house:
        system.append(PromptMessage(role="system", content=house))
    said = [PromptMessage(role=_role(line), content=line.text) for line in recent]
    return (*system, *ruled, *said, PromptMessage(role="user", content=turn.message.text))


def lines_between(state: Conversation, after: int, before: int) -> list[Line]:
    """Transcript lines between two sequences, in the order of the log."""
    return sorted((line for line in state.transcript if after < line.sequence < before), key=lambda line: line.sequence)


def lines_before(state: Conversation, after: int, turn: Turn) -> list[Line]:
    """What was said before a turn's time came: while it queued, turns before it were answered."""
    queued = {other.input_id for other in state.turns.values() if other.sequence >= turn.sequence}
    lines = (line for line in state.transcript if line.sequence > after and line.id not in queued)
    return sorted(lines, key=lambda line: line.sequence)


def recent_lines(lines: list[Line], budget_tokens: int) -> list[Line]:
    """The newest lines that fit, in order."""
    kept: list[Line] = []
    for line in reversed(lines):
        budget_tokens -= tokens_of(line.text)
        if budget_tokens < 0:
            break
        kept.append(line)
    return kept[::-1]


def lines_to_summarise(state: Conversation, sequence: int, budget_tokens: int) -> list[Line]:
    """The older part of a conversation that no longer fits: all but the newest half of the budget; else nothing."""
    lines = lines_between(state, state.summary.until if state.summary is not None else 0, sequence)
    if sum(tokens_of(line.text) for line in lines) <= budget_tokens:
        return []
    return lines[: len(lines) - len(recent_lines(lines, budget_tokens // 2))]


def summary_prompt(state: Conversation, lines: list[Line], budget_tokens: int) -> tuple[PromptMessage, ...]:
    """Asks for a summary of `lines`, the summary before them included; cut to twice the context budget."""
    before = [f"Earlier: {state.summary.text}"] if state.summary is not None else []
    text = "\n".join([*before, *(f"{line.author}: {line.text}" for line in lines)])[: budget_tokens * 8]
    return (PromptMessage(role="system", content=SUMMARY_PROMPT), PromptMessage(role="user", content=text))


def newest_summary(state: Conversation, execution: Execution) -> Summary | None:
    """The summary in force: one that this execution asked for and got, else the one of before."""
    for issued in execution.commands.values():
        outcome = state.outcomes.get(issued.id)
        message = issued.message
        if not isinstance(message, RequestCompletion) or message.summarises_until is None or outcome is None:
            continue
        if isinstance(outcome.message, CompletionProduced):
            return Summary(outcome.message.text, message.summarises_until)
    return state.summary


def _role(line: Line) -> str:
    return "user" if line.author == "customer" else "assistant"
