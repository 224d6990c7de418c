"""How does a call that is allowed, paid for and claimed come to its end?"""

from functools import partial

from tool_runner.adapters.result_cache import Question, question_of
from tool_runner.domain.arguments import native_key, with_reserved
from tool_runner.domain.outcome import ApprovalRequired, Done, Ended
from tool_runner.domain.tool_request import ToolRequest
from tool_runner.handlers.account_headers import renewing
from tool_runner.handlers.make_call import PreparedCall, make_call, seconds_from_now
from tool_runner.handlers.observe import outcome_word
from tool_runner.handlers.runner import CallInHand, Runner
from tool_runner.handlers.spending import Granted


async def kept_result(call: CallInHand, runner: Runner) -> Ended | None:
    """What a tool that only reads has answered a moment ago, where its manifest lets that be kept."""
    question = _question(call, runner)
    done = None if question is None else await runner.cache.get(question)
    return None if done is None else await recorded(Ended(done), call, runner)


async def made(call: CallInHand, runner: Runner, granted: Granted) -> Ended:
    """Send the claimed call; its end is recorded before anybody hears of it, and then paid for."""
    tool, reference = call.tool, call.reference_in(runner.ledger)
    prepared = PreparedCall(
        tool, _request(call, runner), call.registered.problem_of_result, renewing(call, runner.vault)
    )
    starting = partial(runner.ledger.start, reference) if tool.is_recorded else _nothing
    try:
        tried = await make_call(prepared, runner.servers[tool.server], starting)
        cost = tool.rules.cost_microdollars if tried.was_sent else 0
        ended = await recorded(Ended(tried.verdict, cost_microdollars=cost), call, runner)
    finally:
        runner.ledger.let_go(reference)
    if tried.was_sent:
        await granted.settle(cost, outcome=outcome_word(tried.verdict))
    else:
        await granted.release()
    question = _question(call, runner)
    if question is not None and isinstance(tried.verdict, Done):
        await runner.cache.put(question, tried.verdict)
    return ended


async def recorded(ended: Ended, call: CallInHand, runner: Runner) -> Ended:
    """First the ledger, then the fact: whoever finds no fact finds the verdict."""
    assert not isinstance(ended.verdict, ApprovalRequired)
    if not call.tool.is_recorded:
        return ended
    reference = call.reference_in(runner.ledger)
    await runner.ledger.finish(reference, ended.verdict, cost_microdollars=ended.cost_microdollars)
    return ended


def _request(call: CallInHand, runner: Runner) -> ToolRequest:
    command, tool = call.command, call.tool
    seconds = min(call.seconds_left(runner.now_ms()), tool.rules.timeout_ms / 1000)
    return ToolRequest(
        tool=tool.local_name,
        arguments=with_reserved(tool, call.arguments, call.caller, idempotency_key=command.idempotency_key),
        until=seconds_from_now(seconds),
        caller=call.caller,
        idempotency_key=native_key(call.caller, command.idempotency_key),
        headers=call.headers,
    )


def _question(call: CallInHand, runner: Runner) -> Question | None:
    version = f"{call.tool.version}/{runner.manifest_version}"
    return question_of(call.tool, call.caller, call.arguments, version=version, connected_at_ms=call.connected_at_ms)


async def _nothing() -> None:
    """What must be written down before a call is sent that is not recorded."""
