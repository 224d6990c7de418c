"""A completion was requested: how does the request come to its one terminal fact?"""

import time

from contracts.budgets import BudgetExhausted
from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.envelope import Identity, derive_message_id
from llm_gateway.domain.facts import Account, failed, outcome_id
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.prompt import Prompt
from llm_gateway.handlers.attempt import Attempt
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.observe import observe_outcome
from llm_gateway.handlers.prepare_request import command_of, load_prompt, prepare_request, seconds_left
from llm_gateway.handlers.purse import OverBudget, Purse
from service_kit.bus import Delivery

Outcome = CompletionProduced | CompletionFailed


async def request_completion(delivery: Delivery, gateway: Gateway) -> None:
    """Handle one delivery; returns when the terminal fact is stored. Raises RetryLater, GateClosed among them."""
    await gateway.flights.once(delivery.entry.id, lambda: _conclude(delivery, gateway))


async def _conclude(delivery: Delivery, gateway: Gateway) -> None:
    command, command_id, place = command_of(delivery), delivery.entry.id, delivery.subject
    if delivery.attempt > 1 and await _is_answered(delivery, gateway):
        return
    prompt = await load_prompt(delivery, gateway)
    outcome, over_budget = await _answered(delivery, gateway, prompt)
    if over_budget is not None:
        event = _exhausted(command_id, command, over_budget)
        await gateway.publish(event, _identity(delivery, derive_message_id(command_id, event.route.type)))
    await gateway.publish(outcome, _identity(delivery, outcome_id(command_id)))
    # An earlier delivery may have stored another answer, and that one counts: then the log says what is remembered.
    if isinstance(outcome, CompletionProduced) and not isinstance(prompt, Failure) and delivery.attempt == 1:
        gateway.prompts.remember((place.tenant, place.key, command_id), prompt, outcome)
    observe_outcome(outcome)


async def _is_answered(delivery: Delivery, gateway: Gateway) -> bool:
    """Whether an earlier delivery was answered: then only its acknowledgement was lost."""
    place, sequence = delivery.subject, delivery.entry.sequence
    later = await gateway.prompts.load_log(place.tenant, place.key, after=sequence)
    return any(entry.id == outcome_id(delivery.entry.id) for entry in later)


async def _answered(
    delivery: Delivery, gateway: Gateway, prompt: Prompt | Failure
) -> tuple[Outcome, OverBudget | None]:
    command, command_id = command_of(delivery), delivery.entry.id
    ready = prepare_request(delivery, gateway, prompt)
    if isinstance(ready, Failure):
        return failed(command_id, command, Account(), ready), None
    purse = Purse(gateway.redis, command_id, ready.scopes, gateway.now)
    until = time.monotonic() + seconds_left(delivery, gateway)
    account = Account(fallbacks=ready.candidates.skipped)
    attempt = Attempt(command_id, command, ready.offered, gateway.provider, purse, until, account)
    outcome = await attempt.make(ready.candidates.chosen, ready.body)
    refused = isinstance(outcome, CompletionFailed) and outcome.error_class == ErrorClass.BUDGET_EXCEEDED
    return outcome, purse.over_budget if refused else None


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
