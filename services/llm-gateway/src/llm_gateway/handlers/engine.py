"""A request came, through whichever door: how does it come to its answer?"""

import asyncio
import time
from dataclasses import replace

from contracts.costs import RequestRecord
from llm_gateway.adapters.response_cache import Hit
from llm_gateway.domain.answer import NO_USAGE, Answer
from llm_gateway.domain.bid import within_cap
from llm_gateway.domain.cache_key import Lookup, lookup_for
from llm_gateway.domain.call import Call, Completed, NotCompleted
from llm_gateway.domain.check_answer import Checked, check_answer
from llm_gateway.domain.count_tokens import count_tokens
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.made import Made
from llm_gateway.domain.models import ModelKind
from llm_gateway.domain.need import need_of
from llm_gateway.domain.route_model import Route, route_model
from llm_gateway.handlers.attempt import Attempt
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.masking import Masked, masked_for
from llm_gateway.handlers.observe import observe_request
from llm_gateway.handlers.purse import Purse
from llm_gateway.handlers.request_records import How, record_of

_BREAKERS_SECONDS_MAX, _BREAKERS_LOOK_SECONDS = 5.0, 0.25

GONE = Failure(ErrorClass.CANCELLED, "the caller went away")
_OF_THE_SENDER = frozenset(
    {ErrorClass.BUDGET_EXCEEDED, ErrorClass.RATE_LIMITED, ErrorClass.TIMEOUT, ErrorClass.CANCELLED}
)


async def complete(call: Call, gateway: Gateway) -> Completed | NotCompleted:
    """The answer, or why there is none: it is paid for, recorded, and no later than the request's deadline. Raises
    GateClosed while the cost gate cannot say what is left, ValueError where the request's caps contradict each other.
    """
    started = time.monotonic()
    masked = await masked_for(call, gateway)
    if isinstance(masked, Failure):
        return conclude(call, gateway, Made(masked), started=started)
    lookup = lookup_for(call, masked.body, masked.personal)
    made = await (_made(call, masked, gateway) if lookup is None else _made_or_found(call, masked, lookup, gateway))
    return conclude(call, gateway, made, masked=masked, started=started)


async def _made_or_found(call: Call, masked: Masked, lookup: Lookup, gateway: Gateway) -> Made:
    """From the cache, from the same request that is on its way already, or from a model. What stopped that request and
    concerns its sender alone (money, a limit, a deadline) does not stop this one."""
    until = time.monotonic() + call.timeout_seconds
    hit = await gateway.cache.find(lookup)
    if hit is not None and not hit.verify:
        checked = check_answer(hit.answer, call.expected)
        if isinstance(checked, Checked):
            return Made(hit.answer, checked, cache=hit.tier)
    try:
        made, shared = await gateway.coalescer.once(
            lookup.key,
            lambda: _made_and_kept(_left_of(call, until), masked, gateway, lookup=lookup, hit=hit),
            wait_seconds=max(until - time.monotonic(), 0.0),
        )
    except TimeoutError:
        return Made(Failure(ErrorClass.TIMEOUT, f"no answer within {call.timeout_seconds:g} s"))
    if shared and isinstance(made.outcome, Failure) and made.outcome.error_class in _OF_THE_SENDER:
        return await _made_and_kept(_left_of(call, until), masked, gateway, lookup=lookup, hit=hit)
    return replace(made, cache="coalesced", cost_microdollars=0, usage=NO_USAGE) if shared else made


def _left_of(call: Call, until: float) -> Call:
    """The call with what is left of its time."""
    return replace(call, timeout_seconds=max(until - time.monotonic(), 0.0))


async def _made_and_kept(call: Call, masked: Masked, gateway: Gateway, *, lookup: Lookup, hit: Hit | None) -> Made:
    made = await _made(call, masked, gateway)
    if isinstance(made.outcome, Answer):
        if hit is not None and hit.verify:
            await gateway.cache.verified(hit, made.outcome)
        if not masked.personal:  # A repair masks what the model itself made up; then values were put back.
            await gateway.cache.store(lookup, made.outcome)
    return made


async def _made(call: Call, masked: Masked, gateway: Gateway) -> Made:
    """From a model. When every breaker is open, one will be tried soon: a short outage need not be the caller's."""
    until = time.monotonic() + call.timeout_seconds
    patience = min(until, time.monotonic() + _BREAKERS_SECONDS_MAX)
    while True:
        made = await _attempted(call, masked, gateway, until)
        if not _nobody_was_asked(made) or time.monotonic() + _BREAKERS_LOOK_SECONDS > patience:
            return made
        await asyncio.sleep(_BREAKERS_LOOK_SECONDS)


def _nobody_was_asked(made: Made) -> bool:
    unreachable = isinstance(made.outcome, Failure) and made.outcome.error_class is ErrorClass.PROVIDER_UNREACHABLE
    return unreachable and made.model is None


async def _attempted(call: Call, masked: Masked, gateway: Gateway, until: float) -> Made:
    purse = purse_for(call, gateway)
    route = route_for(call, masked, gateway, purse)
    if isinstance(route, Failure):
        return Made(route)
    attempt = Attempt(call, masked, gateway, purse, until)
    try:
        return await attempt.make(route)
    except asyncio.CancelledError:
        conclude(call, gateway, attempt.tally.made(GONE), started=until - call.timeout_seconds, masked=masked)
        raise


def route_for(
    call: Call, masked: Masked, gateway: Gateway, purse: Purse, *, kind: ModelKind = ModelKind.CHAT
) -> Route | Failure:
    """The models to try. A ledger that cannot be written stops all calls: what they cost would be forgotten."""
    if not gateway.ledger.has_room:
        return Failure(ErrorClass.OVERLOADED, "the cost ledger cannot be written, so nothing may be spent")
    encoding = gateway.table.encoding_of(call.profile)
    tokens = count_tokens(masked.body, encoding).tokens
    need = need_of(masked.body, kind, tokens_input=tokens, output_tokens_max=call.output_tokens_max)
    route = route_model(gateway.table, call.profile, need, gateway.board.open_models())
    if isinstance(route, Failure):
        return route
    return within_cap(route, cap_microdollars=purse.lowest_cap, output_tokens_asked=call.output_tokens_max)


def purse_for(call: Call, gateway: Gateway) -> Purse:
    """The caps and limits that this request counts against."""
    return Purse(
        gate=gateway.gate,
        ledger=gateway.ledger,
        call=call,
        scopes=gateway.budgets.scopes_for(call.payer),
        rates=gateway.caller_rates(call.tenant, call.entity),
        now=gateway.now,
        wait_seconds_max=gateway.budget_wait_seconds_max,
    )


def conclude(
    call: Call, gateway: Gateway, made: Made, *, started: float, masked: Masked | None = None, streamed: bool = False
) -> Completed | NotCompleted:
    """Record how the request ended."""
    record = recorded(call, gateway, made, started=started, masked=masked, how=How(streamed=streamed))
    skipped = tuple(f"{one.model}: {one.reason}" for one in made.candidates if one.verdict == "skipped")
    if isinstance(made.outcome, Failure):
        over_budget = made.over_budget if made.outcome.error_class is ErrorClass.BUDGET_EXCEEDED else None
        return NotCompleted(made.outcome, record, made.retry_after_seconds, made.fallbacks, skipped, over_budget)
    return Completed(made.outcome, made.checked, record, made.fallbacks, skipped)


def recorded(
    call: Call, gateway: Gateway, made: Made, *, started: float, masked: Masked | None, how: How
) -> RequestRecord:
    """What the ledger and the metrics say of how a request ended; None was masked where masking itself failed."""
    record = record_of(
        call,
        made,
        masked=masked.counts if masked is not None else {},
        latency_ms=round((time.monotonic() - started) * 1000),
        now=gateway.now(),
        how=how,
    )
    gateway.ledger.add_request(call.tenant, record)
    observe_request(record)
    return record
