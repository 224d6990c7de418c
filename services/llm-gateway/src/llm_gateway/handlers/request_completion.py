"""A completion was requested: how does the request come to its one terminal fact?"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from redis.asyncio import Redis

from contracts.budgets import BudgetExhausted
from contracts.completions import Cap, CompletionFailed, CompletionProduced, RequestCompletion
from contracts.envelope import Identity, derive_message_id
from cost_gate import Scope, check_scopes, scope_of
from llm_gateway.adapters.prompt_store import PromptStore
from llm_gateway.adapters.tool_catalogue import ToolCatalogue
from llm_gateway.domain.chat_body import Body, shared_body, tokens_of
from llm_gateway.domain.check_answer import check_schema
from llm_gateway.domain.facts import Account, failed, outcome_id
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.models import ModelTable
from llm_gateway.domain.prompt import Prompt
from llm_gateway.domain.route_model import Candidates, route_model
from llm_gateway.domain.tool_names import OfferedTools, offer
from llm_gateway.handlers.attempt import Attempt, Provider
from llm_gateway.handlers.observe import observe_outcome
from llm_gateway.handlers.publisher import Publish
from llm_gateway.handlers.purse import OverBudget, Purse
from llm_gateway.handlers.single_flight import SingleFlight
from service_kit.bus import Delivery
from service_kit.errors import RetryLater

Outcome = CompletionProduced | CompletionFailed
_TOOLS_RETRY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a request is answered with."""

    table: ModelTable
    provider: Provider
    prompts: PromptStore
    tools: ToolCatalogue
    redis: Redis
    publish: Publish
    now: Callable[[], datetime]
    execution_cap_microdollars: int
    flights: SingleFlight = field(default_factory=SingleFlight)


@dataclass(frozen=True, slots=True)
class Ready:
    """A request that can be tried."""

    offered: OfferedTools
    body: Body
    candidates: Candidates
    scopes: Sequence[Scope]


async def request_completion(delivery: Delivery, gateway: Gateway) -> None:
    """Handle one delivery; returns when the terminal fact is stored."""
    await gateway.flights.once(delivery.entry.id, lambda: _conclude(delivery, gateway))


async def _conclude(delivery: Delivery, gateway: Gateway) -> None:
    command, place = _command(delivery), delivery.subject
    if delivery.attempt > 1 and await _is_answered(delivery, gateway):
        return
    prompt = await _prompt(delivery, gateway)
    outcome, over_budget = await _answered(delivery, gateway, prompt)
    command_id = delivery.entry.id
    if over_budget is not None:
        event = _exhausted(command_id, command, over_budget)
        await gateway.publish(event, _identity(delivery, derive_message_id(command_id, event.route.type)))
    await gateway.publish(outcome, _identity(delivery, outcome_id(command_id)))
    if isinstance(outcome, CompletionProduced) and not isinstance(prompt, Failure) and delivery.attempt == 1:
        gateway.prompts.remember((place.tenant, place.key, command_id), prompt, outcome)
    observe_outcome(outcome)


def _command(delivery: Delivery) -> RequestCompletion:
    assert isinstance(delivery.message, RequestCompletion)
    return delivery.message


async def _is_answered(delivery: Delivery, gateway: Gateway) -> bool:
    """Whether an earlier delivery was answered: then only its acknowledgement was lost."""
    place, sequence = delivery.subject, delivery.entry.sequence
    later = await gateway.prompts.load_log(place.tenant, place.key, after=sequence)
    return any(entry.id == outcome_id(delivery.entry.id) for entry in later)


async def _prompt(delivery: Delivery, gateway: Gateway) -> Prompt | Failure:
    command, place = _command(delivery), delivery.subject
    if command.continues is None:
        return command.messages
    before = await gateway.prompts.load_prompt(
        place.tenant, place.key, command.continues, until=delivery.entry.sequence
    )
    return before if isinstance(before, Failure) else (*before, *command.messages)


async def _answered(
    delivery: Delivery, gateway: Gateway, prompt: Prompt | Failure
) -> tuple[Outcome, OverBudget | None]:
    command, command_id = _command(delivery), delivery.entry.id
    ready = _ready(delivery, gateway, prompt)
    if isinstance(ready, Failure):
        return failed(command_id, command, Account(), ready), None
    purse = Purse(gateway.redis, command_id, ready.scopes, gateway.now)
    until = time.monotonic() + _seconds_left(delivery, gateway)
    account = Account(fallbacks=ready.candidates.skipped)
    attempt = Attempt(command_id, command, ready.offered, gateway.provider, purse, until, account)
    outcome = await attempt.make(ready.candidates.chosen, ready.body)
    refused = isinstance(outcome, CompletionFailed) and outcome.error_class == ErrorClass.BUDGET_EXCEEDED
    return outcome, purse.over_budget if refused else None


def _ready(delivery: Delivery, gateway: Gateway, prompt: Prompt | Failure) -> Ready | Failure:
    """Everything that is known before the first call. Raises RetryLater while a tool is not there."""
    command = _command(delivery)
    if failure := _unusable(command, prompt, _seconds_left(delivery, gateway)):
        return failure
    assert not isinstance(prompt, Failure)
    offered = _offered(command, gateway)
    body = shared_body(prompt, offered, output_schema=command.output_schema, temperature=command.temperature)
    candidates = route_model(gateway.table, command.profile, tokens_input=tokens_of(body))
    if isinstance(candidates, Failure):
        return candidates
    scopes = _scopes(delivery, gateway)
    return scopes if isinstance(scopes, Failure) else Ready(offered, body, candidates, scopes)


def _seconds_left(delivery: Delivery, gateway: Gateway) -> float:
    """Until the deadline, which counts from when the command was stored: its sender's timer does too."""
    deadline_ms = delivery.entry.timestamp_ms + _command(delivery).timeout_ms
    return deadline_ms / 1000 - gateway.now().timestamp()


def _unusable(command: RequestCompletion, prompt: Prompt | Failure, left_seconds: float) -> Failure | None:
    if left_seconds <= 0:
        return Failure(ErrorClass.TIMEOUT, f"the {command.timeout_ms} ms were over {-left_seconds:.1f} s ago")
    if isinstance(prompt, Failure):
        return prompt
    if not prompt:
        return Failure(ErrorClass.INVALID_REQUEST, "there are no messages")
    return check_schema(command.output_schema)


def _offered(command: RequestCompletion, gateway: Gateway) -> OfferedTools:
    """Raises RetryLater while a tool is not there: its server may be starting. The deadline ends the waiting."""
    offered, unmatched = offer(gateway.tools.tools(), command.tools)
    if unmatched:
        raise RetryLater(f"no tool matches {', '.join(unmatched[:5])}", after=_TOOLS_RETRY)
    return offered


def _scopes(delivery: Delivery, gateway: Gateway) -> Sequence[Scope] | Failure:
    """The caps of the command; a command that names none has the default cap for its execution."""
    command, place = _command(delivery), delivery.subject
    execution = Cap(
        scope="execution",
        id=command.execution_id or place.key,
        cap_microdollars=gateway.execution_cap_microdollars,
    )
    try:
        scopes = [
            scope_of(place.tenant, cap.scope, cap.id, cap_microdollars=cap.cap_microdollars)
            for cap in command.caps or (execution,)
        ]
        check_scopes(scopes)
    except ValueError as error:
        return Failure(ErrorClass.INVALID_REQUEST, str(error))
    return scopes


def _identity(delivery: Delivery, message_id: str) -> Identity:
    place = delivery.subject
    return Identity(place.tenant, place.key, message_id, caused_by=delivery.entry.id)


def _exhausted(command_id: str, command: RequestCompletion, over: OverBudget) -> BudgetExhausted:
    refused = over.refused
    return BudgetExhausted(
        command_id=command_id,
        execution_id=command.execution_id,
        node=command.node,
        scope=refused.scope.kind,
        scope_id=refused.scope.id,
        cap_microdollars=refused.cap_microdollars,
        spent_microdollars=refused.spent_microdollars,
        held_microdollars=refused.held_microdollars,
        requested_microdollars=over.requested_microdollars,
    )
