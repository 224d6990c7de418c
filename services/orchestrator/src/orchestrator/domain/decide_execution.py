"""What does an execution need next: a command, a reply, a handover, or its end?"""

from dataclasses import dataclass, replace
from typing import Literal

from contracts.completions import CompletionProduced
from contracts.conversations import MessageSent, MessageSuppressed
from contracts.envelope import BasedOn, Decision, derive_message_id
from contracts.executions import SUCCESSFUL_REASONS, ExecutionFinished, Reason
from contracts.handovers import HandoverPacket, OpenHandover
from orchestrator.domain.evaluate import Evaluation, whole_progress
from orchestrator.domain.expression import evaluate_condition
from orchestrator.domain.limits import GRACE_MS
from orchestrator.domain.packet import packet_of
from orchestrator.domain.progress import Done, Ends, Progress, Ready, Waiting
from orchestrator.domain.reply import is_repeated, reply_of, text_of
from orchestrator.domain.sink_outcome import outcome_of, people_asked
from orchestrator.domain.state import Conversation, Ending, Execution
from orchestrator.domain.summary_step import summary_step
from orchestrator.domain.triggers import deadline_ms, policy_of, trigger_of
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Condition, JsonValue, Node, Sink, Workflow

MISSING = Workflow(name="?", version="?", content_hash="", nodes={}, edges=())


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with its id, the same whoever makes it, and the id of the message that led to it."""

    id: str
    message: Decision
    caused_by: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The next decision, if any. `wake_ms` is the log time at which to look again; a timer for it is stored before the
    decision is. `is_last`: nothing is owed after this decision, so it may cancel the timer. `is_settled`: once this
    decision is stored there is nothing to decide and nothing else to wake up for, until an input comes."""

    decision: Decided | None
    wake_ms: int | None = None
    is_last: bool = False
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    """One evaluation of one execution."""

    view: View
    evaluation: Evaluation
    based_on: BasedOn

    def decided(self, name: str, message: Decision) -> Decided:
        view = self.view
        cause = f"{view.state.tenant}/{view.state.key}/{view.execution.id}"
        return Decided(derive_message_id(cause, name), message, self.caused_by)

    @property
    def caused_by(self) -> str:
        return self.based_on.inputs[-1] if self.based_on.inputs else self.view.execution.id


def plan_execution(
    state: Conversation,
    execution: Execution,
    workflow: Workflow | None,
    *,
    based_on: BasedOn,
    breakers: frozenset[str],
    ai_stop: str | None,
) -> Plan:
    """The next decision of an execution. What was decided before (`ending`, a reply, a default response) stands,
    whatever came in since."""
    view = View.of(state, execution, workflow or MISSING, breakers)
    frame = _Frame(view, Evaluation(view), based_on)
    if execution.ending is not None:
        return _finish_handover(frame, execution.ending)
    if execution.reply_id is not None:
        return _finish(frame, None)
    if execution.default_reason is not None:
        return _hand_over(frame, Ends(execution.default_reason, "a default response was sent"))
    if workflow is None:
        return _hand_over(
            frame, Ends(Reason.VERSION_MISSING, f"version {execution.workflow_hash} is not in the registry")
        )
    if ai_stop is not None and not _is_taken_over(view):
        obeying = replace(frame, based_on=based_on.model_copy(update={"ai_stop": ai_stop}))
        return _hand_over(obeying, Ends(Reason.AI_STOPPED, f"the AI is stopped by {ai_stop}"))
    progress = trigger_of(view) or summary_step(view) or _progress(frame)
    return _taken_over(frame, progress) if _is_taken_over(view) else _next(frame, progress)


def _progress(frame: _Frame) -> Progress:
    found = whole_progress(frame.evaluation)
    return policy_of(frame.view, frame.evaluation.outputs) or found


def _is_taken_over(view: View) -> bool:
    return view.execution.ownership_epoch != view.state.ownership_epoch


def _next(frame: _Frame, progress: Progress) -> Plan:
    match progress:
        case Ready():
            return _issue(frame, progress)
        case Waiting(due_ms=due):
            return Plan(None, wake_ms=_earliest(frame.view, due))
        case Ends():
            return _end(frame, progress)
        case _:
            sink = frame.evaluation.reached_sink()
            assert sink is not None
            return _at_sink(frame, sink)


def _taken_over(frame: _Frame, progress: Progress) -> Plan:
    """A human agent claimed the conversation meanwhile: nothing new is begun, what runs is awaited, and an answer that
    comes is kept but not sent."""
    if isinstance(progress, Waiting):
        return Plan(None, wake_ms=_earliest(frame.view, progress.due_ms))
    sink = frame.evaluation.reached_sink() if isinstance(progress, Done) else None
    text = text_of(_reply_value(frame, sink)) if sink is not None and sink.sink is Sink.FINISH else None
    if text:
        return Plan(_suppress(frame, text, reason="stale_epoch"))
    return _finish_handover(frame, Ending(Reason.TAKEN_OVER, "a human agent took over"))


def _issue(frame: _Frame, ready: Ready) -> Plan:
    based_on = _with_breakers(frame)
    due = based_on.now_ms + ready.timeout_ms + GRACE_MS
    if ready.others_due_ms is not None:
        due = min(due, ready.others_due_ms)
    decided = Decided(ready.id, ready.build(based_on), frame.caused_by)
    return Plan(decided, wake_ms=_earliest(frame.view, due), is_settled=not ready.has_more)


def _with_breakers(frame: _Frame) -> BasedOn:
    consulted = tuple(sorted(frame.evaluation.consulted))
    return frame.based_on.model_copy(update={"breakers": consulted}) if consulted else frame.based_on


def _earliest(view: View, due_ms: int) -> int:
    deadline = deadline_ms(view)
    return due_ms if deadline is None else min(due_ms, deadline)


def _end(frame: _Frame, ends: Ends) -> Plan:
    """Say the default response first, if one is declared; then hand over."""
    if ends.default_text is not None and frame.view.execution.turn_id is not None:
        return Plan(_send(frame, ends.default_text, reason=ends.reason))
    return _hand_over(frame, ends)


def _hand_over(frame: _Frame, ends: Ends, sink: Node | None = None) -> Plan:
    view, rules = frame.view, frame.view.workflow.handover
    ending = Ending(ends.reason, ends.detail)
    message = OpenHandover(
        execution_id=view.execution.id,
        workflow_hash=view.execution.workflow_hash,
        based_on=_with_breakers(frame),
        handover_id=derive_message_id(f"{view.state.tenant}/{view.state.key}/{view.execution.id}", "handover"),
        turn_id=view.execution.turn_id,
        reason=ends.reason,
        detail=ends.detail,
        skills=(sink.skills if sink is not None else ()) or rules.skills,
        workflow=view.workflow.name,
        priority=(sink.priority if sink is not None else None) or rules.priority,
        ownership_epoch=view.state.ownership_epoch,
        packet=HandoverPacket(reason=ends.reason),
    )
    decided = frame.decided("handover.open", message)
    unsaid = reply_of(view, frame.evaluation.outputs(), ends.unsure) if ends.unsure is not None else ""
    packet = packet_of(view, ending, message, suggested_reply=unsaid)
    return Plan(replace(decided, message=message.model_copy(update={"packet": packet})))


def _at_sink(frame: _Frame, sink: Node) -> Plan:
    if sink.sink is Sink.HANDOVER:
        return _hand_over(frame, Ends(sink.reason or Reason.WORKFLOW_DECISION, f"sink {sink.id}"), sink)
    if frame.view.execution.turn_id is None or sink.reply is None:
        return _finish(frame, _output(frame, sink) if frame.view.execution.turn_id is None else None)
    text = text_of(_reply_value(frame, sink))
    if not text:
        return _hand_over(frame, Ends(Reason.EMPTY_REPLY, f"sink {sink.id}: {sink.reply!r} gave no text"))
    if is_repeated(frame.view, text):
        return Plan(_suppress(frame, text, reason="duplicate_reply"))
    return Plan(_send(frame, text))


def _reply_value(frame: _Frame, sink: Node | None) -> JsonValue:
    if sink is None or sink.reply is None:
        return None
    return evaluate_condition(Condition("jmespath", sink.reply), frame.evaluation.scope_before(sink.id))


def _send(frame: _Frame, text: str, *, reason: str | None = None) -> Decided:
    view = frame.view
    kind: Literal["reply", "default_response"] = "reply" if reason is None else "default_response"
    decided = frame.decided(
        f"message.{kind}",
        MessageSent(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=_with_breakers(frame),
            message_id="",
            turn_id=view.execution.turn_id,
            text=text,
            ownership_epoch=view.state.ownership_epoch,
            kind=kind,
            reason=reason,
            replayed=_is_replayed(view),
        ),
    )
    return replace(decided, message=decided.message.model_copy(update={"message_id": decided.id}))


def _suppress(frame: _Frame, text: str, *, reason: str) -> Decided:
    view = frame.view
    decided = frame.decided(
        "message.reply",
        MessageSuppressed(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=_with_breakers(frame),
            message_id="",
            turn_id=view.execution.turn_id,
            text=text,
            reason=reason,
            ownership_epoch=view.execution.ownership_epoch,
            current_epoch=view.state.ownership_epoch,
        ),
    )
    return replace(decided, message=decided.message.model_copy(update={"message_id": decided.id}))


def _finish_handover(frame: _Frame, ending: Ending) -> Plan:
    failed_default = frame.view.execution.default_reason is not None
    success = ending.reason in SUCCESSFUL_REASONS and not failed_default
    message = _finished(frame, Sink.HANDOVER, output=None)
    update = {
        "success": success,
        "reason": ending.reason,
        "detail": ending.detail,
        "default_response": failed_default,
    }
    return _last(frame, message.model_copy(update=update))


def _finish(frame: _Frame, output: JsonValue) -> Plan:
    message = _finished(frame, Sink.FINISH, output=output)
    return _last(frame, message.model_copy(update=outcome_of(frame.evaluation)))


def _last(frame: _Frame, message: ExecutionFinished) -> Plan:
    is_last = message.mode == "standalone"
    return Plan(frame.decided("execution.finished", message), is_last=is_last, is_settled=is_last)


def _output(frame: _Frame, sink: Node) -> JsonValue:
    """What a standalone execution found: the sink's reply, else what the nodes before the sink gave."""
    if sink.reply is not None:
        return _reply_value(frame, sink)
    sources = [edge.source for edge in frame.view.workflow.incoming(sink.id)]
    outputs = {name: output for name, output in frame.evaluation.outputs().items() if name in sources}
    return next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs)


def _finished(frame: _Frame, sink: Sink, *, output: JsonValue) -> ExecutionFinished:
    view = frame.view
    done = frozenset(frame.evaluation.outputs())
    return ExecutionFinished(
        execution_id=view.execution.id,
        workflow_hash=view.execution.workflow_hash,
        based_on=_with_breakers(frame),
        sink=sink.value,
        success=True,
        mode="standalone" if view.execution.turn_id is None else "conversation",
        turn_id=view.execution.turn_id,
        workflow=view.workflow.name,
        version=view.workflow.version,
        entity=view.entity,
        output=output,
        cost_microdollars=view.spent_in_all,
        started_ms=view.execution.started_ms,
        finished_ms=frame.based_on.now_ms,
        nodes=view.metrics(done, frame.based_on.now_ms),
        replayed=_is_replayed(view),
        people_asked=people_asked(view.execution),
    )


def _is_replayed(view: View) -> bool:
    answers = (view.outcome_of(issued) for issued in view.execution.commands.values())
    return any(a is not None and isinstance(a.message, CompletionProduced) and a.message.replayed for a in answers)
