"""A completion was requested on the bus: how does the request come to its one terminal fact?"""

from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.envelope import Identity, derive_message_id
from cost_ledger import OverBudget, exhausted
from llm_gateway.domain.call import Call, NotCompleted
from llm_gateway.domain.facts import failed, outcome_id, produced, refused
from llm_gateway.domain.failure import Failure
from llm_gateway.handlers.engine import complete
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.observe import add_to_log_line
from llm_gateway.handlers.prepare_request import command_of, load_prompt, prepare_request
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
    call = prepare_request(delivery, gateway, prompt)
    outcome, over_budget = await _answered(command_id, command, call, gateway)
    if over_budget is not None:
        event = exhausted(over_budget, command_id=command_id, execution_id=command.execution_id, node=command.node)
        await gateway.publish(event, _identity(delivery, derive_message_id(command_id, event.route.type)))
    await gateway.publish(outcome, _identity(delivery, outcome_id(command_id)))
    # An earlier delivery may have stored another answer, and that one counts: then the log says what is remembered.
    if isinstance(outcome, CompletionProduced) and not isinstance(prompt, Failure) and delivery.attempt == 1:
        gateway.prompts.remember((place.tenant, place.key, command_id), prompt, outcome)


async def _is_answered(delivery: Delivery, gateway: Gateway) -> bool:
    """Whether an earlier delivery was answered: then only its acknowledgement was lost."""
    place, sequence = delivery.subject, delivery.entry.sequence
    later = await gateway.prompts.load_log(place.tenant, place.key, after=sequence)
    return any(entry.id == outcome_id(delivery.entry.id) for entry in later)


async def _answered(
    command_id: str, command: RequestCompletion, call: Call | Failure, gateway: Gateway
) -> tuple[Outcome, OverBudget | None]:
    if isinstance(call, Failure):
        return refused(command_id, command, call), None
    made = await complete(call, gateway)
    add_to_log_line(made.record)
    if isinstance(made, NotCompleted):
        return failed(command_id, command, made), made.over_budget
    return produced(command_id, command, made), None


def _identity(delivery: Delivery, message_id: str) -> Identity:
    place = delivery.subject
    return Identity(place.tenant, place.key, message_id, caused_by=delivery.entry.id)
