"""Does a policy demand that a person is asked before this call, and has a person said yes to exactly this call?"""

import hashlib
import json
from collections.abc import Sequence

from pydantic import JsonValue

from contracts.envelope import LogEntry
from contracts.handovers import ApprovalDecided, OpenApproval
from contracts.tool_calls import ExecuteToolCall
from tool_runner.domain.arguments import arguments_hash
from tool_runner.domain.check_grants import CallFacts
from tool_runner.domain.condition import is_false
from tool_runner.domain.manifest import ApprovalPolicy
from tool_runner.domain.outcome import ApprovalRequired, ErrorClass, Failed


def approval_needed(call: CallFacts, policies: Sequence[ApprovalPolicy], *, read_untrusted: bool) -> str | None:
    """The policies that hold for the call, each as `<name>@<version>`: a person's yes holds for what the policy said
    when the person was asked. None where nobody is to be asked."""
    holding = sorted(_word(policy) for policy in policies if _holds(policy, call, read_untrusted=read_untrusted))
    return ", ".join(holding) or None


def verdict_on_approval(
    command: ExecuteToolCall, policy: str, log: Sequence[LogEntry]
) -> Failed | ApprovalRequired | None:
    """None where the approval that the command names covers it. `log` is that of its key, up to the command. A person
    who was asked under other policies than those that hold now is asked again; everything else is denied."""
    opened = next((e for e in log if _opens(e, command)), None)
    if opened is None:
        return _denied(command, "nobody was asked under this id")
    asked = opened.message
    assert isinstance(asked, OpenApproval)
    if not _is_about(asked, command) or not _was_held(command, log, before=opened.sequence):
        return _denied(command, "it is about another call")
    if asked.policy != policy:
        return ApprovalRequired(policy, arguments_hash(command.tool, command.arguments))
    decided = next((e for e in log if e.sequence > opened.sequence and _decides(e, command)), None)
    if decided is None:
        return _denied(command, "nobody has decided yet")
    if decided.timestamp_ms > asked.expires_ms:
        return _denied(command, f"it was decided {decided.timestamp_ms - asked.expires_ms} ms after it had expired")
    assert isinstance(decided.message, ApprovalDecided)
    return _of_verdict(command, asked, decided.message)


def _of_verdict(command: ExecuteToolCall, asked: OpenApproval, decided: ApprovalDecided) -> Failed | None:
    wanted = arguments_hash(command.tool, command.arguments)
    match decided.verdict:
        case "approve" if asked.arguments_hash == wanted == arguments_hash(command.tool, asked.arguments):
            return None
        case "edit" if decided.arguments is not None and arguments_hash(command.tool, decided.arguments) == wanted:
            return None
        case "approve" | "edit":
            return _denied(command, "it is for other arguments")
    return _denied(command, f"the verdict was {decided.verdict}")


def _holds(policy: ApprovalPolicy, call: CallFacts, *, read_untrusted: bool) -> bool:
    """Whatever is not surely false asks a person: a comparison with what is missing, or is no number, is null."""
    if policy.after_untrusted_read and not read_untrusted:
        return False
    values: dict[str, JsonValue] = {
        "arguments": dict(call.arguments),
        "tenant": call.tenant,
        "entity": call.entity,
        "agent": call.agent,
        "workflow": call.workflow,
        "node": call.node,
    }
    return policy.when is None or not is_false(policy.when, values)


def _word(policy: ApprovalPolicy) -> str:
    text = json.dumps([policy.name, policy.when, policy.after_untrusted_read])
    return f"{policy.name}@{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _opens(entry: LogEntry, command: ExecuteToolCall) -> bool:
    return isinstance(entry.message, OpenApproval) and entry.message.approval_id == command.approval_id


def _decides(entry: LogEntry, command: ExecuteToolCall) -> bool:
    """The first verdict is the verdict."""
    return isinstance(entry.message, ApprovalDecided) and entry.message.approval_id == command.approval_id


def _is_about(asked: OpenApproval, command: ExecuteToolCall) -> bool:
    return asked.kind == "tool_call" and (
        (asked.execution_id, asked.node, asked.tool, asked.tool_call_id)
        == (command.execution_id, command.node, command.tool, f"{command.iteration}/{command.tool_call_id}")
    )


def _was_held(command: ExecuteToolCall, log: Sequence[LogEntry], *, before: int) -> bool:
    """The call that the person was asked about has the idempotency key of this one, so that it has one effect in all,
    and is made for the same entity."""
    return any(
        isinstance(entry.message, ExecuteToolCall)
        and entry.sequence < before
        and entry.message.idempotency_key == command.idempotency_key
        and entry.message.tool_call_id == command.tool_call_id
        and entry.message.iteration == command.iteration
        and entry.message.entity == command.entity
        for entry in log
    )


def _denied(command: ExecuteToolCall, why: str) -> Failed:
    return Failed(ErrorClass.DENIED, f"{command.tool}: approval {command.approval_id} does not allow this call: {why}")
