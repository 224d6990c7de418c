"""What of the end of a call may others see, and what is said of it beside it?"""

from dataclasses import replace

from pii import MaskingFailed
from tool_runner.domain.facts import ResultMarks
from tool_runner.domain.outcome import Done, Ended, Unusable, verdict_of_unusable
from tool_runner.domain.screen_result import screen_result
from tool_runner.handlers.runner import CallInHand, Runner


async def as_told(ended: Ended, call: CallInHand, runner: Runner) -> tuple[Ended, ResultMarks]:
    """The last step before the fact: ledger and cache keep results as the tool gave them, and each that tells one takes
    out the personal data by the policy of today. Raises RetryLater while that cannot be done."""
    if not isinstance(ended.verdict, Done):
        return ended, ResultMarks()
    try:
        result = await runner.tokens.mask(ended.verdict.result, call.tool, call.caller)
        result = await runner.tokens.hide_again(result, call.command.arguments, call.caller)
    except MaskingFailed as error:
        unusable = Unusable(f"personal data in its answer cannot be masked: {error}")
        return replace(ended, verdict=verdict_of_unusable(unusable, call.tool)), ResultMarks()
    marks = ResultMarks()
    if call.tool.rules.untrusted:
        marks = ResultMarks(untrusted=True, suspicious=screen_result(result))
    return replace(ended, verdict=replace(ended.verdict, result=result)), marks
