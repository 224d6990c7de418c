"""How does an answer reach its caller while the model still speaks?"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import orjson
from pydantic import JsonValue

from llm_gateway.adapters.provider_client import StreamChunk, StreamEnd, Target
from llm_gateway.domain.answer import Answer, Trouble
from llm_gateway.domain.bid import bid_for, output_tokens_granted
from llm_gateway.domain.call import Call, Completed, NotCompleted
from llm_gateway.domain.check_answer import Checked, Problem, check_answer
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.made import Made, Tally
from llm_gateway.domain.retry import jitter_of, seconds_for_model, wait_before_retry
from llm_gateway.domain.route_model import Candidate, Route
from llm_gateway.handlers.attempt import BREAKER_OPEN, NO_TIME, attempted_of, provider_rates, refused, report
from llm_gateway.handlers.engine import GONE, conclude, purse_for, route_for
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.masking import Masked, masked_for
from llm_gateway.handlers.purse import Attempted, Held, Purse
from llm_gateway.handlers.streamed import Streamed

Chunk = dict[str, JsonValue]
Ended = Completed | NotCompleted


async def stream_completion(call: Call, gateway: Gateway) -> AsyncGenerator[Chunk | Ended]:
    """Chunks in OpenAI's shape, then exactly one Completed or NotCompleted. Before the first chunk another model can
    take over; after it a stream that breaks off is a NotCompleted, never a clean end. Closing the generator cancels
    the call upstream and counts it at its maximum. Raises GateClosed."""
    started = time.monotonic()
    masked = await masked_for(call, gateway)
    if isinstance(masked, Failure):
        yield conclude(call, gateway, Made(masked), started=started)
        return
    purse = purse_for(call, gateway)
    route = route_for(call, masked, gateway, purse)
    if isinstance(route, Failure):
        yield conclude(call, gateway, Made(route), started=started)
        return
    stream = _Stream(call, masked, gateway, purse, started + call.timeout_seconds)
    try:
        async with aclosing(stream.chunks(route)) as chunks:
            async for chunk in chunks:
                yield chunk
    except (GeneratorExit, asyncio.CancelledError):
        cancelled = stream.tally.made(GONE)
        conclude(call, gateway, cancelled, started=started, masked=masked, streamed=True)
        raise
    yield conclude(call, gateway, stream.made(), started=started, masked=masked, streamed=True)


@dataclass(slots=True)
class _Stream:
    call: Call
    masked: Masked
    gateway: Gateway
    purse: Purse
    until: float
    tally: Tally = field(default_factory=lambda: Tally(NO_TIME))
    answered: tuple[Answer, Checked] | None = None
    _said_something: bool = False
    _trouble: Trouble | Failure = field(default=NO_TIME)

    def made(self) -> Made:
        """What came of it."""
        return self.tally.made() if self.answered is None else self.tally.made(*self.answered)

    async def chunks(self, route: Route) -> AsyncGenerator[Chunk]:
        """One candidate after the other, until one has begun to speak."""
        count, index = len(route.candidates), 0
        for index, candidate in enumerate(route.candidates):
            if not await self.gateway.board.admits(candidate.model.name):
                self.tally.add_failed(candidate, BREAKER_OPEN)
                continue
            left = seconds_for_model(self.until - time.monotonic(), models_after=count - index - 1)
            async with aclosing(self._tries(candidate, time.monotonic() + left)) as tries:
                async for chunk in tries:
                    yield chunk
            if self.answered is not None or self._said_something:
                break
        self.tally.add_rest(route, tried=index + 1)

    async def _tries(self, candidate: Candidate, until: float) -> AsyncGenerator[Chunk]:
        tries = 0
        while (left := until - time.monotonic()) > 0:
            async with aclosing(self._paid_stream(candidate, left)) as chunks:
                async for chunk in chunks:
                    self._said_something = True
                    yield chunk
            if self.answered is not None:
                return
            tries += 1
            wait = None
            if isinstance(self._trouble, Trouble) and not self._said_something:
                jitter = jitter_of(self.call.request_id, tries)
                wait = wait_before_retry(
                    self._trouble, tries=tries, jitter=jitter, left_seconds=until - time.monotonic()
                )
            if wait is None:
                break
            await asyncio.sleep(wait)
        failure = self._trouble.failure if isinstance(self._trouble, Trouble) else self._trouble
        self.tally.add_failed(candidate, failure)

    async def _paid_stream(self, candidate: Candidate, left: float) -> AsyncGenerator[Chunk]:
        """Reserve, stream, settle: also when the caller goes away meanwhile."""
        bid = bid_for(candidate, output_tokens_asked=self.call.output_tokens_max)
        held = await self.purse.reserve(bid, rates=provider_rates(candidate, self.gateway), until=self.until)
        if not isinstance(held, Held):
            self._trouble = refused(self.tally, held)
            return
        body = self._upstream_body(candidate, output_tokens_granted(candidate, bid, held.amount_microdollars))
        seen = Streamed(self.masked.masker, passes_usage=_wants_usage(self.call))
        started, attempted = time.monotonic(), Attempted(candidate, held.amount_microdollars, "cancelled")
        try:
            target = Target(candidate.model.provider, candidate.model.asked_as)
            async with aclosing(self.gateway.provider.stream(target, body, timeout_seconds=left)) as items:
                async for item in items:
                    if isinstance(item, StreamChunk):
                        for chunk in seen.take(item.data):
                            yield chunk
                        continue
                    outcome = self._ended(seen, item, candidate)
                    seconds = time.monotonic() - started
                    attempted = attempted_of(candidate, held, outcome, seconds=seconds)
                    report(self.gateway, candidate, outcome, seconds=seconds)
        finally:
            self.purse.settle_surely(held, attempted, self.gateway.surely)
            self.tally.add_call(candidate, attempted.cost_microdollars, attempted.usage)

    def _ended(self, seen: Streamed, item: StreamEnd | Trouble, candidate: Candidate) -> Answer | Trouble:
        if isinstance(item, Trouble):
            self._trouble = item
            return item
        seen.usage = item.usage
        answer = seen.answer(candidate.model.name)
        checked = check_answer(answer, self.call.expected)
        if isinstance(checked, Problem):
            self._trouble = Failure(ErrorClass.INVALID_OUTPUT, "the streamed answer does not fit what was asked for")
            return answer
        self.answered = answer, checked
        self.tally.add_answered(candidate)
        return answer

    def _upstream_body(self, candidate: Candidate, output_tokens: int) -> bytes:
        body = {**self.masked.body, "model": candidate.model.asked_as, "max_tokens": output_tokens}
        return orjson.dumps({**body, "stream": True, "stream_options": {"include_usage": True}})


def _wants_usage(call: Call) -> bool:
    options = call.body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
