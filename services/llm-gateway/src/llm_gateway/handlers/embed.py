"""Vectors of texts were asked for: how do they come, masked, paid for and batched?"""

import asyncio
import time
from dataclasses import dataclass, field

import orjson
from pydantic import JsonValue

from contracts.costs import RequestRecord
from llm_gateway.adapters.provider_client import Target
from llm_gateway.domain.answer import Answer, Embeddings, Trouble
from llm_gateway.domain.bid import bid_for
from llm_gateway.domain.call import Call, NotCompleted
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.made import Made, Tally
from llm_gateway.domain.models import ModelKind
from llm_gateway.domain.retry import jitter_of, wait_before_retry
from llm_gateway.domain.route_model import Candidate, Route
from llm_gateway.handlers.attempt import NO_TIME, attempted_of, provider_rates, refused
from llm_gateway.handlers.engine import GONE, purse_for, recorded, route_for
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.masking import Masked, masked_for
from llm_gateway.handlers.purse import Attempted, Held, Purse
from llm_gateway.handlers.request_records import How

VECTORS_MISSING = Trouble(ErrorClass.PROVIDER_ERROR, "the provider gave fewer vectors than texts", may_have_cost=True)


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector a text, in their order."""

    vectors: tuple[JsonValue, ...]
    record: RequestRecord


async def embed(call: Call, gateway: Gateway) -> Embedded | NotCompleted:
    """The vectors, or why there are none. Only the first model of a profile is asked: vectors of another mean nothing
    beside its own. Raises GateClosed."""
    started = time.monotonic()
    masked = await masked_for(call, gateway)
    made, vectors = (Made(masked), ()) if isinstance(masked, Failure) else await _made(call, masked, gateway)
    known = None if isinstance(masked, Failure) else masked
    found = recorded(call, gateway, made, started=started, masked=known, how=How("embeddings"))
    if isinstance(made.outcome, Failure):
        return NotCompleted(made.outcome, found, made.retry_after_seconds, over_budget=made.over_budget)
    return Embedded(vectors, found)


async def _made(call: Call, masked: Masked, gateway: Gateway) -> tuple[Made, tuple[JsonValue, ...]]:
    purse = purse_for(call, gateway)
    route = route_for(call, masked, gateway, purse, kind=ModelKind.EMBEDDING)
    if isinstance(route, Failure):
        return Made(route), ()
    started = time.monotonic()
    embedding = _Embedding(call, masked, gateway, purse, started + call.timeout_seconds)
    try:
        return await embedding.tries(route)
    except asyncio.CancelledError:
        gone = embedding.tally.made(GONE)
        recorded(call, gateway, gone, started=started, masked=masked, how=How("embeddings"))
        raise


@dataclass(slots=True)
class _Embedding:
    call: Call
    masked: Masked
    gateway: Gateway
    purse: Purse
    until: float
    tally: Tally = field(default_factory=lambda: Tally(NO_TIME))

    async def tries(self, route: Route) -> tuple[Made, tuple[JsonValue, ...]]:
        candidate, tries, tally = route.candidates[0], 0, self.tally
        failure = NO_TIME
        while self.until > time.monotonic():
            outcome = await self._paid(candidate)
            if isinstance(outcome, Embeddings):
                tally.add_answered(candidate)
                tally.add_rest(route, tried=1)
                return tally.made(Answer(candidate.model.name)), outcome.vectors
            if isinstance(outcome, Failure):
                failure = outcome
                break
            tries += 1
            failure, tally.retry_after_seconds = outcome.failure, outcome.retry_after_seconds
            jitter, left = jitter_of(self.call.request_id, tries), self.until - time.monotonic()
            pause = wait_before_retry(outcome, tries=tries, jitter=jitter, left_seconds=left)
            if pause is None:
                break
            await asyncio.sleep(pause)
        tally.add_failed(candidate, failure)
        return tally.made(), ()

    async def _paid(self, candidate: Candidate) -> Embeddings | Trouble | Failure:
        bid = bid_for(candidate, output_tokens_asked=1)
        held = await self.purse.reserve(bid, rates=provider_rates(candidate, self.gateway), until=self.until)
        if not isinstance(held, Held):
            return refused(self.tally, held)
        started, attempted = time.monotonic(), Attempted(candidate, held.amount_microdollars, "cancelled")
        try:
            outcome = await self._batched(candidate)
            attempted = attempted_of(candidate, held, outcome, seconds=time.monotonic() - started)
        finally:
            self.purse.settle_surely(held, attempted, self.gateway.surely)
            self.tally.add_call(candidate, attempted.cost_microdollars, attempted.usage)
        return outcome

    async def _batched(self, candidate: Candidate) -> Embeddings | Trouble:
        options = {name: value for name, value in self.masked.body.items() if name != "input"}
        target = Target(candidate.model.provider, candidate.model.asked_as)
        given = self.masked.body["input"]
        texts = [str(text) for text in given] if isinstance(given, list) else []
        timeout_seconds = self.until - time.monotonic()

        async def call(all_texts: object) -> Embeddings | Trouble:
            body = orjson.dumps({"model": target.model, "input": all_texts, **options})
            outcome = await self.gateway.provider.embed(target, body, timeout_seconds=timeout_seconds)
            assert isinstance(all_texts, list)
            fits = not isinstance(outcome, Embeddings) or len(outcome.vectors) == len(all_texts)
            return outcome if fits else VECTORS_MISSING

        kind = orjson.dumps([target.provider, target.model, options], option=orjson.OPT_SORT_KEYS).decode()
        weight = candidate.tokens_input
        return await self.gateway.micro_batch.embed(kind, texts, weight=weight, call=call)
