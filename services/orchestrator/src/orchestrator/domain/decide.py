"""What is to be appended to a log next, and when must it be looked at again?

Pure: state, clock, workflows and breakers come in; at most one message goes out. What is due is judged by log time
(`state.log_ms`), so that whoever folds the same log decides the same; the clock only stamps the decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contracts.conversations import ConversationClosed, TurnRefused
from contracts.envelope import BasedOn, derive_message_id
from contracts.executions import ExecutionRefused
from contracts.experiments import ExperimentExposed, Split
from orchestrator.domain.decide_execution import Decided, Plan, plan_execution
from orchestrator.domain.experiment import choice, exposed_hashes, owed_exposure
from orchestrator.domain.limits import FLOOD_WINDOW_MS
from orchestrator.domain.speech import held_until_ms, speech
from orchestrator.domain.state import Conversation, Execution, Start, Turn
from orchestrator.domain.suggest import draft_due_ms, suggestion_plan
from orchestrator.domain.turns import begin, eligible_turns, execution_id_of
from orchestrator.domain.workflow import Workflow
from orchestrator.domain.workflow_limits import WorkflowLimits

__all__ = ["Circumstances", "Decided", "Plan", "decide"]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision takes from outside the log; each decision records what it used of it.

    `workflows` by content hash; `routes` the hash in force by workflow name, and under None that of the tenant's
    default route; `breakers` as `<workflow>/<node>`; `stops` of the tenant: by workflow name, or `*` for all, who
    stopped the AI and why; `experiments` of the tenant that run, by workflow name."""

    now_ms: int
    workflows: Mapping[str, Workflow]
    routes: Mapping[str | None, str]
    breakers: frozenset[str] = frozenset()
    stops: Mapping[str, str] = field(default_factory=dict)
    experiments: Mapping[str, Split] = field(default_factory=dict)


def decide(state: Conversation, circumstances: Circumstances) -> Plan:
    """The next decision of a key, if there is one, and the log time of the next look at it."""
    plan, others = _plan(state, circumstances), (held_until_ms(state), draft_due_ms(state))
    dues = [due for due in (plan.wake_ms, *others) if due is not None]
    if others == (None, None):
        return plan
    return replace(plan, wake_ms=min(dues), is_last=False, is_settled=plan.is_settled and not plan.is_last)


def _plan(state: Conversation, circumstances: Circumstances) -> Plan:
    based_on = BasedOn(
        inputs=state.uncovered, now_ms=max(circumstances.now_ms, state.log_ms), fence=state.last_sequence
    )
    simple = (
        speech(state, based_on) or _exposure(state, based_on, circumstances) or _refusal(state, based_on, circumstances)
    )
    if simple is not None:
        return Plan(simple)
    suggestion = suggestion_plan(state, based_on, circumstances.workflows)
    if suggestion is not None:
        return suggestion
    execution = current_execution(state, circumstances)
    if execution is not None:
        if execution.experiment is not None:
            based_on = based_on.model_copy(update={"experiment": execution.experiment})
        workflow = circumstances.workflows.get(execution.workflow_hash)
        breakers, ai_stop = _breakers_of(workflow, circumstances), _stop_of(workflow, circumstances)
        return plan_execution(state, execution, workflow, based_on=based_on, breakers=breakers, ai_stop=ai_stop)
    return _idle(state, based_on, circumstances)


def names_needed(state: Conversation) -> set[str | None]:
    """Names of the workflows of what waits to begin; None is the tenant's route."""
    named = {turn.message.workflow for turn in eligible_turns(state)}
    if state.start is not None and not state.finished:
        named.add(state.start.message.workflow)
    return named


def hashes_needed(state: Conversation, routes: Mapping[str | None, str], experiments: Mapping[str, Split]) -> set[str]:
    """Content hashes of the workflow versions that `decide` may look at."""
    hashes = exposed_hashes(state, experiments) | {routes[name] for name in names_needed(state) if name in routes}
    if state.workflow_hash is not None:
        hashes.add(state.workflow_hash)
    return hashes


def current_execution(state: Conversation, circumstances: Circumstances) -> Execution | None:
    """The execution that goes on, else the one that is to begin."""
    waiting = _waiting(state)
    if state.execution is not None or waiting is None:
        return state.execution
    chosen = choice(state, waiting.message.workflow, circumstances.routes, circumstances.experiments)
    turn = waiting if isinstance(waiting, Turn) else None
    execution_id = state.key if turn is None else execution_id_of(state, turn)
    return begin(state, turn, chosen.workflow_hash, execution_id=execution_id, experiment=chosen.experiment)


def _waiting(state: Conversation) -> Turn | Start | None:
    """What begins the next execution."""
    turn = next(iter(eligible_turns(state)), None)
    if turn is not None or state.finished or state.start_refused:
        return turn
    return state.start


def _exposure(state: Conversation, based_on: BasedOn, circumstances: Circumstances) -> Decided | None:
    """That the conversation is in an arm, before the first execution whose version an experiment chooses."""
    waiting = _waiting(state) if circumstances.experiments and state.execution is None else None
    if waiting is None:
        return None
    owed = owed_exposure(state, waiting.message.workflow, circumstances.routes, circumstances.experiments)
    if owed is None:
        return None
    split, arm = owed
    message = ExperimentExposed(based_on=based_on, workflow_hash=arm.content_hash, split=split, version=arm.version)
    cause = f"{state.tenant}/{state.key}/{split.name}"
    return Decided(derive_message_id(cause, "experiment.exposed"), message, waiting.input_id)


def _breakers_of(workflow: Workflow | None, circumstances: Circumstances) -> frozenset[str]:
    if workflow is None or not circumstances.breakers:
        return frozenset()
    prefix = f"{workflow.name}/"
    return frozenset(name.removeprefix(prefix) for name in circumstances.breakers if name.startswith(prefix))


def _stop_of(workflow: Workflow | None, circumstances: Circumstances) -> str | None:
    stops = circumstances.stops
    return stops.get(workflow.name, stops.get("*")) if workflow is not None and stops else None


def _refusal(state: Conversation, based_on: BasedOn, circumstances: Circumstances) -> Decided | None:
    if state.refusals:
        first = state.refusals[0]
        return _refuse(state, based_on, (first.input_id, first.turn_id), reason=first.reason, detail=first.detail)
    for place, turn in enumerate(eligible_turns(state)):
        found = _too_much(state, turn, place, circumstances)
        if found is not None:
            reason, detail, content_hash = found
            refused = _refuse(state, based_on, (turn.input_id, turn.message.turn_id), reason=reason, detail=detail)
            return replace(refused, message=refused.message.model_copy(update={"workflow_hash": content_hash}))
    if state.start is not None and not state.finished and not state.start_refused:
        return _start_refused(state, based_on, circumstances)
    return None


def _too_much(
    state: Conversation, turn: Turn, place: int, circumstances: Circumstances
) -> tuple[str, str, str | None] | None:
    """Why a waiting turn is refused, and by which version: its workflow does not exist, or the customer sends more than
    is allowed by the execution that goes on, else by the version that the turn would get."""
    is_current = state.execution is not None and state.execution.turn_id == turn.message.turn_id
    if is_current:
        return None
    name, going_on = turn.message.workflow, state.execution
    if name not in circumstances.routes:
        detail = f"workflow {name!r} is not published" if name is not None else "the tenant has no default workflow"
        return "unknown_workflow", detail, None
    chosen = choice(state, name, circumstances.routes, circumstances.experiments)
    content_hash = chosen.workflow_hash if going_on is None else going_on.workflow_hash
    workflow = circumstances.workflows.get(content_hash)
    limits = workflow.limits if workflow is not None else WorkflowLimits()
    if place >= limits.turns_queued_max:
        return "queue_full", f"{place} turns wait already (limit {limits.turns_queued_max})", content_hash
    lately = [
        other for other in state.turns.values() if _just_before(other, turn) and other.input_id not in state.refused
    ]
    if len(lately) >= limits.turns_per_minute_max:
        detail = f"{len(lately)} messages within a minute before it (limit {limits.turns_per_minute_max})"
        return "flood", detail, content_hash
    return None


def _just_before(other: Turn, turn: Turn) -> bool:
    return other.sequence < turn.sequence and turn.received_ms - other.received_ms < FLOOD_WINDOW_MS


def _refuse(state: Conversation, based_on: BasedOn, which: tuple[str, str], *, reason: str, detail: str) -> Decided:
    input_id, turn_id = which
    message = TurnRefused(based_on=based_on, turn_id=turn_id, input_id=input_id, reason=reason, detail=detail)
    return Decided(derive_message_id(f"{state.tenant}/{state.key}/{input_id}", "refused"), message, input_id)


def _start_refused(state: Conversation, based_on: BasedOn, circumstances: Circumstances) -> Decided | None:
    start = state.start
    assert start is not None
    if start.message.workflow in circumstances.routes or state.execution is not None:
        return None
    message = ExecutionRefused(
        based_on=based_on,
        execution_id=state.key,
        reason="unknown_workflow",
        detail=f"workflow {start.message.workflow!r} is not published",
    )
    return Decided(derive_message_id(f"{state.tenant}/{state.key}", "refused"), message, start.input_id)


def _idle(state: Conversation, based_on: BasedOn, circumstances: Circumstances) -> Plan:
    """Close a conversation that was asked to close, or in which nothing happened for long enough."""
    is_owed = bool(state.human_messages or state.suggestions)
    if state.start is not None or state.is_closed or not state.turns or not state.ai_speaks or is_owed:
        return Plan(None)
    workflow = circumstances.workflows.get(state.workflow_hash or "")
    limits = workflow.limits if workflow is not None else WorkflowLimits()
    due = state.active_ms + limits.idle_close_ms
    newest = max(state.turns.values(), key=lambda turn: turn.sequence)
    is_asked = state.close_asked > newest.sequence
    if not is_asked and due > state.log_ms:
        return Plan(None, wake_ms=due)
    message = ConversationClosed(
        based_on=based_on, workflow_hash=state.workflow_hash, reason="asked" if is_asked else "idle"
    )
    cause = f"{state.tenant}/{state.key}/{newest.input_id}"  # Only another turn opens it again.
    closed = Decided(derive_message_id(cause, "closed"), message, state.uncovered[-1] if state.uncovered else cause)
    return Plan(closed, is_last=True)
