"""Which draft does a human agent get, and what is to be asked of a model for it?

One draft of a key is written at a time; up to WAITING_MAX wait, and of more the oldest gets no text. A draft is for the
person who owns the conversation in the epoch in which it was asked for: after that it is offered as an error.
"""

from collections.abc import Mapping

from contracts.completions import Cap, CompletionFailed, CompletionProduced, PromptMessage, RequestCompletion
from contracts.envelope import BasedOn, derive_message_id
from contracts.suggestions import OfferSuggestion
from orchestrator.domain.context import lines_between, recent_lines
from orchestrator.domain.decide_execution import Decided, Plan
from orchestrator.domain.limits import GRACE_MS, LOG_MESSAGES_MAX, tokens_of
from orchestrator.domain.return_packet import words_of_the_house
from orchestrator.domain.state import DRAFT_NODE, Conversation, Issued, SuggestionAsk
from orchestrator.domain.workflow import Workflow

WAITING_MAX = 3
ERROR_CHARACTERS_MAX = 500


def suggestion_plan(state: Conversation, based_on: BasedOn, workflows: Mapping[str, Workflow]) -> Plan | None:
    """The next step of what was asked for; None when nothing is to be done now."""
    asked = sorted(state.suggestions.values(), key=lambda ask: ask.sequence)
    for ask in asked:
        ended = _ended(state, ask)
        if ended is not None:
            return Plan(_offer(state, ask, based_on, text=ended[0], error=ended[1]))
    waiting = [ask for ask in asked if _draft_of(state, ask) is None]
    if len(waiting) > WAITING_MAX:
        return Plan(_offer(state, waiting[0], based_on, error="superseded"))
    if not waiting or len(waiting) < len(asked):
        return None
    return _request(state, waiting[0], based_on, workflows.get(state.workflow_hash or ""))


def draft_due_ms(state: Conversation) -> int | None:
    """Log time at which the draft that is being written is given up; None when none is."""
    drafts = (_draft_of(state, ask) for ask in state.suggestions.values())
    return min(
        (_due_ms(draft) for draft in drafts if draft is not None and _due_ms(draft) > state.log_ms), default=None
    )


def draft_id(state: Conversation, suggestion_id: str) -> str:
    """Id of the one request for a draft."""
    return derive_message_id(f"{state.tenant}/{state.key}/{suggestion_id}", "suggestion")


def _draft_of(state: Conversation, ask: SuggestionAsk) -> Issued | None:
    return state.drafts.get(draft_id(state, ask.message.suggestion_id))


def _due_ms(draft: Issued) -> int:
    assert isinstance(draft.message, RequestCompletion)
    return draft.at_ms + draft.message.timeout_ms + GRACE_MS


def _ended(state: Conversation, ask: SuggestionAsk) -> tuple[str, str] | None:
    """Text and error of a request that goes on no longer."""
    if ask.message.ownership_epoch != state.ownership_epoch:
        return "", "stale_epoch"
    if ask.message.actor_id != state.owner:
        return "", "not_owner"
    draft = _draft_of(state, ask)
    if draft is None:
        return None
    outcome = state.outcomes.get(draft.id)
    match outcome.message if outcome is not None else None:
        case CompletionProduced(text=text) if text.strip():
            return text.strip(), ""
        case CompletionProduced():
            return "", "the model wrote nothing"
        case CompletionFailed() as failed:
            return "", f"{failed.error_class}: {failed.detail}"[:ERROR_CHARACTERS_MAX]
    return ("", "timeout") if _due_ms(draft) <= state.log_ms else None


def _offer(state: Conversation, ask: SuggestionAsk, based_on: BasedOn, *, text: str = "", error: str = "") -> Decided:
    draft = _draft_of(state, ask)
    outcome = state.outcomes.get(draft.id) if draft is not None else None
    produced = outcome.message if outcome is not None and isinstance(outcome.message, CompletionProduced) else None
    message = OfferSuggestion(
        workflow_hash=draft.message.workflow_hash if draft is not None else None,
        based_on=based_on,
        suggestion_id=ask.message.suggestion_id,
        text=text,
        origin="asked",
        error=error,
        replayed=produced is not None and produced.replayed,
    )
    cause = f"{state.tenant}/{state.key}/{ask.message.suggestion_id}"
    return Decided(derive_message_id(cause, "suggestion.offer"), message, ask.input_id)


def _request(state: Conversation, ask: SuggestionAsk, based_on: BasedOn, workflow: Workflow | None) -> Plan:
    if workflow is None:
        return Plan(_offer(state, ask, based_on, error="no_workflow"))
    if state.messages >= LOG_MESSAGES_MAX:
        return Plan(_offer(state, ask, based_on, error="log_limit"))
    command_id, rules = draft_id(state, ask.message.suggestion_id), workflow.handover.suggestions
    account = f"{state.key}:~{command_id}"  # Each draft may cost what an execution of the workflow may.
    limits = workflow.limits
    is_capped = limits.cost_max_microdollars is not None or limits.is_uncapped
    cap = Cap(scope="execution", id=account, cap_microdollars=limits.cost_max_microdollars)
    newest = max(state.turns.values(), key=lambda turn: turn.sequence, default=None)
    message = RequestCompletion(
        execution_id=account,
        workflow_hash=workflow.content_hash,
        based_on=based_on,
        node=DRAFT_NODE,
        workflow=workflow.name,
        profile=rules.profile,
        messages=_prompt(state, ask, workflow),
        caps=(cap,) if is_capped else (),
        timeout_ms=rules.timeout_ms,
        entity=newest.message.entity if newest is not None else None,
    )
    due_ms = based_on.now_ms + rules.timeout_ms + GRACE_MS
    return Plan(Decided(command_id, message, ask.input_id), wake_ms=due_ms)


def _prompt(state: Conversation, ask: SuggestionAsk, workflow: Workflow) -> tuple[PromptMessage, ...]:
    """What the house says stands in system messages, what was said to and by the customer in one that is data."""
    system = [workflow.handover.suggestions.prompt, words_of_the_house(state)]
    if ask.message.instruction:
        system.append(f"The agent wants of this draft: {ask.message.instruction}")
    summary = f"Summary of the conversation before: {state.summary.text}" if state.summary is not None else ""
    budget = workflow.limits.context_tokens_max - sum(map(tokens_of, (*system, summary)))
    lines = lines_between(state, state.summary.until if state.summary is not None else 0, state.last_sequence + 1)
    said = [f"{line.author}: {line.text}" for line in recent_lines(lines, budget)]
    data = "\n\n".join(["The conversation:", *([summary] if summary else []), *said])
    return (
        *(PromptMessage(role="system", content=text) for text in system if text),
        PromptMessage(role="user", content=data),
    )
