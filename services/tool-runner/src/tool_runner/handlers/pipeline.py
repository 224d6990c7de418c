"""Through which steps does a call go, from its arguments to its end?"""

from dataclasses import replace

from tool_runner.adapters.call_ledger import Claim, KeyReused, Orphaned, Recorded
from tool_runner.adapters.result_tokens import RestoredTooLong
from tool_runner.domain.arguments import arguments_hash
from tool_runner.domain.check_approval import approval_needed, verdict_on_approval
from tool_runner.domain.check_grants import Allowed, permission_of
from tool_runner.domain.outcome import Again, ApprovalRequired, Ended, ErrorClass, Failed, verdict_of_orphan
from tool_runner.domain.tool_policy import refusal_of_arguments
from tool_runner.handlers.account_headers import with_account
from tool_runner.handlers.observe import outcome_word
from tool_runner.handlers.runner import CallInHand, Runner
from tool_runner.handlers.send_call import kept_result, made, recorded
from tool_runner.handlers.spending import Granted
from tool_runner.handlers.steps import step


async def carry_out(call: CallInHand, runner: Runner) -> Ended:
    """The steps of SPEC T2, in its order; the first that has an end for the call is the last. Before anything may
    refuse it, the ledger is asked how the call ended: a repeat gets its result though its quota is used up by now.
    Raises RetryLater."""
    checked = step("input_schema", await with_values(call, runner))
    if isinstance(checked, Failed):
        return Ended(checked)
    call = checked
    refused = step("permission", refusal_by_grants(call, runner))
    if refused is not None:
        known = await recalled_though_refused(call, runner)
        return Ended(refused) if known is None else step("recall", known)
    ended = step("recall", await recalled(call, runner))
    if ended is not None:
        return ended
    granted = step("spending", await runner.spending.reserve(call.spending(runner.now_ms())))
    if isinstance(granted, Failed):
        return Ended(replace(granted, detail=f"{granted.detail}; limits of manifest {runner.manifest_version}"))
    return await carry_on(call, runner, granted)


async def carry_on(call: CallInHand, runner: Runner, granted: Granted) -> Ended:
    """The rest of the steps. A call that is not made gives back what it was granted; where RetryLater is raised, the
    next delivery of the command finds it again."""
    held = step("approval", await lacking_approval(call, runner))
    found = step("account", await with_account(call, runner)) if held is None else held
    if not isinstance(found, CallInHand):
        await granted.release()
        return Ended(found)
    call = found
    ended = step("ledger", await ended_by_claim(call, runner)) or step("cache", await kept_result(call, runner))
    if ended is None:
        return step("execution", await made(call, runner, granted))
    if ended.cost_microdollars:  # Another delivery of this command has made the call meanwhile.
        await granted.settle(ended.cost_microdollars, outcome=outcome_word(ended.verdict))
    else:
        await granted.release()
    return ended


async def with_values(call: CallInHand, runner: Runner) -> CallInHand | Failed:
    """The call with values in place of the tokens of personal data, or what size, reserved names and the input schema
    have against its arguments. Schema, grants and policies are about what the tool gets; ledger and approvals know a
    call by what was commanded."""
    if refused := refusal_of_arguments(call.command, call.tool):
        return refused
    try:
        arguments = await runner.tokens.restore(call.command.arguments, call.caller)
    except RestoredTooLong as error:
        return Failed(ErrorClass.INVALID_ARGUMENTS, f"{call.tool.name}: {error}")
    return call.registered.refusal_of(arguments) or replace(call, arguments=arguments)


def refusal_by_grants(call: CallInHand, runner: Runner) -> Failed | None:
    """Evaluated for every call: grants and arguments are those of now."""
    permission = permission_of(call.facts, runner.grants, call.tool.rules.permissions_required)
    if isinstance(permission, Allowed):
        return None
    detail = f"{call.tool.name}: {permission.reason}; grants of manifest {runner.manifest_version}"
    return Failed(ErrorClass.DENIED, detail)


async def recalled(call: CallInHand, runner: Runner) -> Ended | None:
    """The end of a call that has ended, or was cut with its process. Not asked for a tool that nothing refuses after
    this: there the claim says the same."""
    rules = call.tool.rules
    if not call.tool.is_recorded:
        return None
    if not rules.approvals and rules.authentication_required is None and call.spending(runner.now_ms()).is_free:
        return None
    return await _end_of(await runner.ledger.look(call.reference_in(runner.ledger)), call, runner)


async def recalled_though_refused(call: CallInHand, runner: Runner) -> Ended | None:
    """The end of a call that was made while it was allowed: to say now that it was denied would mean that it had no
    effect."""
    if not call.tool.is_recorded:
        return None
    claim = await runner.ledger.look(call.reference_in(runner.ledger))
    return None if isinstance(claim, KeyReused) else await _end_of(claim, call, runner)


async def _end_of(claim: Claim, call: CallInHand, runner: Runner) -> Ended | None:
    match claim:
        case Recorded() | KeyReused():
            return _known(claim, call)
        case Orphaned() if not call.tool.may_run_again:
            return await ended_by_claim(call, runner)
    return None


async def lacking_approval(call: CallInHand, runner: Runner) -> ApprovalRequired | Failed | None:
    """None where no policy holds, or a person has allowed exactly this call."""
    command = call.command
    read_untrusted = bool(command.read_untrusted)
    policy = approval_needed(call.facts, call.tool.rules.approvals, read_untrusted=read_untrusted)
    if policy is None:
        return None
    if command.approval_id is None:
        return ApprovalRequired(policy, arguments_hash(command.tool, command.arguments), runner.manifest_version)
    log = await runner.log.read(call.place.tenant, call.place.key, until=call.sequence)
    found = verdict_on_approval(command, policy, log)
    if isinstance(found, ApprovalRequired):
        return replace(found, manifest_version=runner.manifest_version)
    return found


async def ended_by_claim(call: CallInHand, runner: Runner) -> Ended | None:
    """None where the call is ours to make."""
    if not call.tool.is_recorded:
        return None
    reference = call.reference_in(runner.ledger)
    match await runner.ledger.claim(reference):
        case Recorded() | KeyReused() as known:
            return _known(known, call)
        case Orphaned():
            cut = verdict_of_orphan(call.tool)
            if cut is not Again.AGAIN:
                return await recorded(Ended(cut, cost_microdollars=call.tool.rules.cost_microdollars), call, runner)
    return None


def _known(claim: Recorded | KeyReused, call: CallInHand) -> Ended:
    match claim:
        case Recorded(verdict, cost_microdollars):
            return Ended(verdict, repeated=True, cost_microdollars=cost_microdollars)
        case KeyReused():
            what = "the idempotency key belongs to a call with other arguments, or for another entity"
            return Ended(Failed(ErrorClass.KEY_REUSED, f"{call.tool.name}: {what}"))
