"""How is one request answered within its budget and its deadline: tries, one repair, one fallback?"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from llm_gateway.domain.answer import NO_USAGE, Answer, Trouble, Usage
from llm_gateway.domain.chat_body import Body, body_for, tokens_of, with_repair
from llm_gateway.domain.check_answer import Checked, Problem, check_answer
from llm_gateway.domain.cost import cost_at_most, cost_of_answer
from llm_gateway.domain.facts import Account, failed, produced
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.retry import jitter_of, seconds_for_model, wait_before_retry
from llm_gateway.domain.route_model import Candidate
from llm_gateway.domain.tool_names import OfferedTools
from llm_gateway.handlers.gateway import Provider
from llm_gateway.handlers.purse import OverBudget, Purse


@dataclass(slots=True)
class Attempt:
    """One request on its way. `until` is the deadline on the clock of `time.monotonic`."""

    command_id: str
    command: RequestCompletion
    offered: OfferedTools
    provider: Provider
    purse: Purse
    until: float
    account: Account = field(default_factory=Account)
    started: float = field(default_factory=time.monotonic)

    async def make(self, candidates: Sequence[Candidate], body: Body) -> CompletionProduced | CompletionFailed:
        """Try the candidates one after the other; the terminal fact. Raises GateClosed."""
        failure = Failure(ErrorClass.TIMEOUT, "no time was left for a call")
        for index, candidate in enumerate(candidates):
            left = seconds_for_model(self._left(), models_after=len(candidates) - index - 1)
            outcome = await self._with_repair(candidate, body, until=time.monotonic() + left)
            if not isinstance(outcome, Failure):
                return produced(self.command_id, self.command, self._closed(), answer=outcome[0], checked=outcome[1])
            failure = outcome
            tried = f"{candidate.model.name}: {failure.error_class}: {failure.detail}"
            self.account = replace(self.account, fallbacks=(*self.account.fallbacks, tried[:300]))
        return failed(self.command_id, self.command, self._closed(), failure)

    async def _with_repair(self, candidate: Candidate, body: Body, *, until: float) -> tuple[Answer, Checked] | Failure:
        answer = await self._with_retries(candidate, body, until=until)
        checked = self._checked(answer)
        if isinstance(answer, Answer) and isinstance(checked, Problem):
            body = with_repair(body, said=answer.text, problem=checked.text)
            answer = await self._with_retries(candidate, body, until=until)
            checked = self._checked(answer)
        if isinstance(answer, Failure):
            return answer
        if isinstance(checked, Problem):
            return Failure(ErrorClass.INVALID_OUTPUT, "the answer does not fit what was asked for, repaired once")
        return answer, checked

    def _checked(self, answer: Answer | Failure) -> Checked | Problem:
        if isinstance(answer, Failure):
            return Checked()
        return check_answer(answer, self.offered, self.command.output_schema)

    async def _with_retries(self, candidate: Candidate, body: Body, *, until: float) -> Answer | Failure:
        tries = 0
        while (left := until - time.monotonic()) > 0:
            outcome = await self._paid_call(candidate, body_for(candidate.model, body), left)
            if not isinstance(outcome, Trouble):
                return outcome
            tries += 1
            jitter = jitter_of(self.command_id, tries)
            wait = wait_before_retry(outcome, tries=tries, jitter=jitter, left_seconds=until - time.monotonic())
            if wait is None:
                return outcome.failure
            await asyncio.sleep(wait)
        return Failure(ErrorClass.TIMEOUT, f"no answer within {self.command.timeout_ms} ms")

    async def _paid_call(self, candidate: Candidate, body: Body, left: float) -> Answer | Trouble | Failure:
        """Reserve, call, settle."""
        model = candidate.model
        amount = cost_at_most(candidate.price, tokens_input=tokens_of(body), tokens_output_max=model.output_tokens_max)
        self.account = replace(self.account, provider=model.provider, model=model.name)
        reservation = await self.purse.reserve(amount, lease_seconds=left)
        if isinstance(reservation, OverBudget):
            return Failure(ErrorClass.BUDGET_EXCEEDED, reservation.detail)
        outcome = await self.provider.complete(model.provider, body, timeout_seconds=left)
        if isinstance(outcome, Answer):
            cost = cost_of_answer(candidate.price, outcome, reserved_microdollars=amount)
            self._count(cost, outcome.usage or NO_USAGE)
        else:
            cost = amount if outcome.may_have_cost else 0
            self._count(cost, NO_USAGE)
        await self.purse.settle(reservation, cost)
        return outcome

    def _count(self, cost: int, usage: Usage) -> None:
        before = self.account.usage
        self.account = replace(
            self.account,
            cost_microdollars=self.account.cost_microdollars + cost,
            usage=Usage(
                before.tokens_input + usage.tokens_input,
                before.tokens_cached + usage.tokens_cached,
                before.tokens_output + usage.tokens_output,
            ),
        )

    def _left(self) -> float:
        return self.until - time.monotonic()

    def _closed(self) -> Account:
        return replace(self.account, latency_ms=round((time.monotonic() - self.started) * 1000))
