"""Does a person's verdict count, and what is the fact then?"""

import json

from pydantic import JsonValue

from contracts.handovers import ApprovalDecided, DecideApproval, HandoverRefused, OpenApproval
from hil_inbox.domain.edit_distance import edit_distance
from hil_inbox.domain.ownership import Ownership
from json_schema import SchemaUnusable, bounded_schema

DETAIL_CHARACTERS_MAX = 500


def decide_approval(state: Ownership, command: DecideApproval, *, now_ms: int) -> ApprovalDecided | HandoverRefused:
    """The verdict to append, or the refusal that says what came first."""
    approval = state.approvals.get(command.approval_id)
    if approval is None:
        return _refuse(state, command, "unknown_approval", f"approval {command.approval_id} was never asked for here")
    refusal = _too_late(state, command, approval, now_ms=now_ms)
    if refusal is not None:
        return refusal
    refusal = _not_what_was_seen(state, command, approval)
    if refusal is not None:
        return refusal
    problem = _problem(command, approval)
    if problem is not None:
        return _refuse(state, command, "invalid_verdict", problem)
    return ApprovalDecided(
        approval_id=command.approval_id,
        verdict=command.verdict,
        actor_id=command.actor_id,
        arguments=command.arguments if command.verdict == "edit" else None,
        answer=command.answer,
        reason=command.reason,
        reason_code=command.reason_code,
        edit_distance=_edited(command, approval),
        dwell_ms=command.dwell_ms,
    )


def _edited(command: DecideApproval, approval: OpenApproval) -> int | None:
    if command.verdict != "edit":
        return None
    return edit_distance(_text(approval.arguments), _text(command.arguments))


def _text(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _not_what_was_seen(state: Ownership, command: DecideApproval, approval: OpenApproval) -> HandoverRefused | None:
    """A verdict is bound to the arguments and the policy that its sender saw, where it says which."""
    seen, asked = command.arguments_hash, approval.arguments_hash
    if seen is not None and seen != asked:
        return _refuse(state, command, "stale_arguments", f"decided on arguments {seen[:16]}, asked are {asked}")
    policy, current = command.policy_version, approval.policy_version
    if policy is not None and policy != current:
        return _refuse(state, command, "stale_policy", f"decided under policy {policy[:16]}, it is {current} now")
    return None


def _too_late(
    state: Ownership, command: DecideApproval, approval: OpenApproval, *, now_ms: int
) -> HandoverRefused | None:
    first = state.verdicts.get(command.approval_id)
    if first is not None:
        return _refuse(
            state, command, "already_decided", f"{first.actor_id} decided {first.verdict}", first=first.actor_id
        )
    if approval.execution_id in state.finished:
        return _refuse(state, command, "execution_finished", f"execution {approval.execution_id} has ended")
    if now_ms >= approval.expires_ms:
        return _refuse(state, command, "expired", f"it expired {now_ms - approval.expires_ms} ms ago")
    return None


def _problem(command: DecideApproval, approval: OpenApproval) -> str | None:
    """What is wrong with the verdict itself, by field."""
    match command.verdict:
        case "edit":
            return _edit_problem(command, approval)
        case "reject" if not command.reason.strip():
            return "reason: empty; a rejection says why"
        case "respond" if command.answer is None:
            return "answer: missing; respond needs the answer"
        case "respond" if approval.kind == "question":
            return _misfit("answer", command.answer, approval.form)
        case _:
            return None


def _edit_problem(command: DecideApproval, approval: OpenApproval) -> str | None:
    if approval.kind != "tool_call":
        return "verdict: edit is for tool calls; answer a question with respond"
    if command.arguments is None:
        return "arguments: missing; edit needs the arguments to call the tool with"
    return _misfit("arguments", command.arguments, approval.form)


def _misfit(field: str, value: JsonValue, form: dict[str, JsonValue] | None) -> str | None:
    """Why a value does not fit its JSON Schema. A form that cannot be used holds nobody up."""
    if form is None:
        return None
    try:
        error = next(bounded_schema(form, mask=None).iter_errors(value), None)
    except SchemaUnusable:
        return None
    if error is None:
        return None
    path = ".".join([field, *map(str, error.instance_path)])
    return f"{path}: {error.message}"[:DETAIL_CHARACTERS_MAX]


def _refuse(
    state: Ownership, command: DecideApproval, reason: str, detail: str, *, first: str | None = None
) -> HandoverRefused:
    return HandoverRefused(
        command_id=command.command_id,
        handover_id="",
        actor_id=command.actor_id,
        reason=reason,
        owner_id=first,
        ownership_epoch=state.epoch,
        approval_id=command.approval_id,
        detail=detail,
    )
