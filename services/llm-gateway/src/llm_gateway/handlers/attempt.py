"""How is one request answered within its budget and its deadline: tries, one repair, fallbacks?"""

import asyncio
import time
from dataclasses import dataclass, field

import orjson

from cost_gate import Limited, Rate, RateKind
from cost_ledger.over_budget import OverBudget
from llm_gateway.adapters.provider_client import Target
from llm_gateway.domain.answer import NO_USAGE, Answer, Embeddings, Trouble
from llm_gateway.domain.bid import bid_for, output_tokens_granted
from llm_gateway.domain.call import Call
from llm_gateway.domain.chat_body import Body, with_repair
from llm_gateway.domain.check_answer import Checked, Problem, check_answer
from llm_gateway.domain.cost import cost_of_answer
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.made import Made, Tally
from llm_gateway.domain.retry import jitter_of, seconds_for_model, wait_before_retry
from llm_gateway.domain.route_model import Candidate, Route
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.masking import Masked, restored
from llm_gateway.handlers.purse import Attempted, Held, Purse

_BREAKER_FAILURES = frozenset({ErrorClass.TIMEOUT, ErrorClass.PROVIDER_ERROR, ErrorClass.PROVIDER_UNREACHABLE})
NO_TIME = Failure(ErrorClass.TIMEOUT, "no time was left for a call")
BREAKER_OPEN = Failure(ErrorClass.PROVIDER_UNREACHABLE, "its breaker is open")


@dataclass(slots=True)
class Attempt:
    """One request on its way. `until` is the deadline on the clock of `time.monotonic`."""

    call: Call
    masked: Masked
    gateway: Gateway
    purse: Purse
    until: float
    tally: Tally = field(default_factory=lambda: Tally(NO_TIME))

    async def make(self, route: Route) -> Made:
        """Try the candidates one after the other. Raises GateClosed."""
        tally, count = self.tally, len(route.candidates)
        for index, candidate in enumerate(route.candidates):
            if not await self.gateway.board.admits(candidate.model.name):
                tally.add_failed(candidate, BREAKER_OPEN)
                continue
            left = seconds_for_model(self.until - time.monotonic(), models_after=count - index - 1)
            outcome = await self._with_repair(candidate, self.masked.body, until=time.monotonic() + left)
            if not isinstance(outcome, Failure):
                tally.add_answered(candidate)
                tally.add_rest(route, tried=index + 1)
                return tally.made(*outcome)
            tally.add_failed(candidate, outcome)
        tally.add_rest(route, tried=count)
        return tally.made()

    async def _with_repair(self, candidate: Candidate, body: Body, *, until: float) -> tuple[Answer, Checked] | Failure:
        """An answer as the caller may see it. It is judged so: a schema may ask for an address, and a placeholder is
        none."""
        said = await self._with_retries(candidate, body, until=until)
        if isinstance(said, Failure):
            return said
        answer = restored(said, self.masked.masker)
        checked = check_answer(answer, self.call.expected)
        if isinstance(checked, Problem):
            self.tally.repaired = True
            body = with_repair(body, said=said.text, problem=self.masked.masker.mask(checked.text))
            said = await self._with_retries(candidate, body, until=until)
            if isinstance(said, Failure):
                return said
            answer = restored(said, self.masked.masker)
            checked = check_answer(answer, self.call.expected)
        if isinstance(checked, Problem):
            return Failure(ErrorClass.INVALID_OUTPUT, "the answer does not fit what was asked for, repaired once")
        return answer, checked

    async def _with_retries(self, candidate: Candidate, body: Body, *, until: float) -> Answer | Failure:
        tries = 0
        while (left := until - time.monotonic()) > 0:
            outcome = await self._paid_call(candidate, body, left)
            if not isinstance(outcome, Trouble):
                return outcome
            tries += 1
            jitter = jitter_of(self.call.request_id, tries)
            wait = wait_before_retry(outcome, tries=tries, jitter=jitter, left_seconds=until - time.monotonic())
            if wait is None:
                self.tally.retry_after_seconds = outcome.retry_after_seconds
                return outcome.failure
            await asyncio.sleep(wait)
        return Failure(ErrorClass.TIMEOUT, f"no answer within {self.call.timeout_seconds:g} s")

    async def _paid_call(self, candidate: Candidate, body: Body, left: float) -> Answer | Trouble | Failure:
        """Reserve, call, settle: also when the caller goes away meanwhile."""
        bid = bid_for(candidate, output_tokens_asked=self.call.output_tokens_max)
        held = await self.purse.reserve(bid, rates=provider_rates(candidate, self.gateway), until=self.until)
        if not isinstance(held, Held):
            return refused(self.tally, held)
        granted = output_tokens_granted(candidate, bid, held.amount_microdollars)
        upstream = {**body, "model": candidate.model.asked_as, "max_tokens": granted}
        started, attempted = time.monotonic(), Attempted(candidate, held.amount_microdollars, "cancelled")
        try:
            target = Target(candidate.model.provider, candidate.model.asked_as)
            outcome = await self.gateway.provider.complete(target, orjson.dumps(upstream), timeout_seconds=left)
            attempted = attempted_of(candidate, held, outcome, seconds=time.monotonic() - started)
        finally:
            self.purse.settle_surely(held, attempted, self.gateway.surely)
            self.tally.add_call(candidate, attempted.cost_microdollars, attempted.usage)
        report(self.gateway, candidate, outcome, seconds=time.monotonic() - started)
        return outcome


def refused(tally: Tally, answer: OverBudget | Limited) -> Failure:
    """A call that may not be made: why not, and noted for who asks afterwards."""
    if isinstance(answer, OverBudget):
        tally.over_budget = answer
        return Failure(ErrorClass.BUDGET_EXCEEDED, answer.detail)
    tally.retry_after_seconds = answer.retry_after_seconds
    return _limited(answer)


def attempted_of(
    candidate: Candidate, held: Held, outcome: Answer | Embeddings | Trouble, *, seconds: float
) -> Attempted:
    """What a call took: by the provider's count; all that was held where that is unknown; nothing if not billed."""
    latency_ms = round(seconds * 1000)
    if isinstance(outcome, Trouble):
        cost = held.amount_microdollars if outcome.may_have_cost else 0
        return Attempted(candidate, cost, outcome.error_class, NO_USAGE, latency_ms)
    cost = cost_of_answer(candidate.price, outcome, reserved_microdollars=held.amount_microdollars)
    return Attempted(candidate, cost, "ok", outcome.usage or NO_USAGE, latency_ms)


def report(gateway: Gateway, candidate: Candidate, outcome: Answer | Trouble, *, seconds: float) -> None:
    """Tell the breaker. Limits, refusals and filtered content say nothing about a model's health."""
    if isinstance(outcome, Answer):
        gateway.board.report(candidate.model.name, ok=True, latency_seconds=seconds)
    elif outcome.error_class in _BREAKER_FAILURES:
        gateway.board.report(candidate.model.name, ok=False, latency_seconds=seconds)


def provider_rates(candidate: Candidate, gateway: Gateway) -> tuple[Rate, ...]:
    """The limits of the provider's key, if it has any."""
    rate = gateway.provider_rates.get(candidate.model.provider)
    return () if rate is None else (rate,)


def _limited(limited: Limited) -> Failure:
    """A limit of ours has no place."""
    whose = "the provider" if limited.rate.kind is RateKind.PROVIDER else f"{limited.rate.kind} {limited.rate.id}"
    return Failure(
        ErrorClass.RATE_LIMITED,
        f"{whose}: limit of {limited.what} reached, again in {limited.retry_after_seconds:.1f} s",
    )
