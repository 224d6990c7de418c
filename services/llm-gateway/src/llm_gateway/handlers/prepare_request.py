"""Can a command be tried at all, and what call does it ask for?"""

from datetime import timedelta

from contracts.completions import RequestCompletion
from llm_gateway.domain.call import Call
from llm_gateway.domain.chat_body import shared_body
from llm_gateway.domain.check_answer import check_schema
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.prompt import Prompt
from llm_gateway.domain.tool_names import OfferedTools, offer
from llm_gateway.handlers.gateway import Gateway
from service_kit.bus import Delivery
from service_kit.errors import RetryLater

_TOOLS_RETRY = timedelta(seconds=1)
# A tool that is named and not there is waited for this long: its server may be starting.
_TOOLS_SECONDS_MAX = 10.0


def command_of(delivery: Delivery) -> RequestCompletion:
    """The command that was delivered."""
    assert isinstance(delivery.message, RequestCompletion)
    return delivery.message


async def load_prompt(delivery: Delivery, gateway: Gateway) -> Prompt | Failure:
    """The messages of the command, after all that it continues."""
    command, place = command_of(delivery), delivery.subject
    if command.continues is None:
        return command.messages
    before = await gateway.prompts.load_prompt(
        place.tenant, place.key, command.continues, until=delivery.entry.sequence
    )
    return before if isinstance(before, Failure) else (*before, *command.messages)


def prepare_request(delivery: Delivery, gateway: Gateway, prompt: Prompt | Failure) -> Call | Failure:
    """Everything that is known before the first call. The deadline counts from when the command was stored: its
    sender's timer does too. Raises RetryLater while a tool is not there."""
    command, place = command_of(delivery), delivery.subject
    left_seconds = command.timeout_ms / 1000 - _age_seconds(delivery, gateway)
    if failure := _unusable(command, prompt, left_seconds):
        return failure
    assert not isinstance(prompt, Failure)
    offered = _offered(delivery, gateway)
    if isinstance(offered, Failure):
        return offered
    call = Call(
        request_id=delivery.entry.id,
        source="bus",
        tenant=place.tenant,
        profile=command.profile,
        body=shared_body(prompt, offered, output_schema=command.output_schema, temperature=command.temperature),
        partition=f"{place.tenant}/{place.key}",
        timeout_seconds=left_seconds,
        key=place.key,
        entity=command.entity,
        workflow=command.workflow or None,
        execution_id=command.execution_id,
        node=command.node,
        output_tokens_max=command.output_tokens_max,
        output_schema=command.output_schema,
        offered=offered,
        caps=command.caps,
        cache=command.cache,
        must_say_something=True,
    )
    return _with_usable_caps(call, gateway)


def _with_usable_caps(call: Call, gateway: Gateway) -> Call | Failure:
    try:
        gateway.budgets.scopes_for(call.payer)
    except ValueError as error:
        return Failure(ErrorClass.INVALID_REQUEST, str(error))
    return call


def _age_seconds(delivery: Delivery, gateway: Gateway) -> float:
    return gateway.now().timestamp() - delivery.entry.timestamp_ms / 1000


def _unusable(command: RequestCompletion, prompt: Prompt | Failure, left_seconds: float) -> Failure | None:
    if left_seconds <= 0:
        return Failure(ErrorClass.TIMEOUT, f"the {command.timeout_ms} ms were over {-left_seconds:.1f} s ago")
    if isinstance(prompt, Failure):
        return prompt
    if not prompt:
        return Failure(ErrorClass.INVALID_REQUEST, "there are no messages")
    return check_schema(command.output_schema)


def _offered(delivery: Delivery, gateway: Gateway) -> OfferedTools | Failure:
    offered, unmatched = offer(gateway.tools.tools(), command_of(delivery).tools)
    if not unmatched:
        return offered
    missing = f"no tool matches {', '.join(unmatched[:5])}"
    if _age_seconds(delivery, gateway) > _TOOLS_SECONDS_MAX:
        return Failure(ErrorClass.INVALID_REQUEST, missing)
    raise RetryLater(missing, after=_TOOLS_RETRY)
