"""Can a request be tried at all, and with which prompt, tools, models and budget?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from contracts.completions import Cap, RequestCompletion
from cost_gate import Scope, check_scopes, scope_of
from llm_gateway.domain.chat_body import Body, shared_body, tokens_of
from llm_gateway.domain.check_answer import check_schema
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.prompt import Prompt
from llm_gateway.domain.route_model import Candidates, route_model
from llm_gateway.domain.tool_names import OfferedTools, offer
from llm_gateway.handlers.gateway import Gateway
from service_kit.bus import Delivery
from service_kit.errors import RetryLater

_TOOLS_RETRY = timedelta(seconds=1)
# A tool that is named and not there is waited for this long: its server may be starting.
_TOOLS_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A request that can be tried."""

    offered: OfferedTools
    body: Body
    candidates: Candidates
    scopes: Sequence[Scope]


def command_of(delivery: Delivery) -> RequestCompletion:
    """The command that was delivered."""
    assert isinstance(delivery.message, RequestCompletion)
    return delivery.message


def seconds_left(delivery: Delivery, gateway: Gateway) -> float:
    """Until the deadline, which counts from when the command was stored: its sender's timer does too."""
    return command_of(delivery).timeout_ms / 1000 - _age_seconds(delivery, gateway)


async def load_prompt(delivery: Delivery, gateway: Gateway) -> Prompt | Failure:
    """The messages of the command, after all that it continues."""
    command, place = command_of(delivery), delivery.subject
    if command.continues is None:
        return command.messages
    before = await gateway.prompts.load_prompt(
        place.tenant, place.key, command.continues, until=delivery.entry.sequence
    )
    return before if isinstance(before, Failure) else (*before, *command.messages)


def prepare_request(delivery: Delivery, gateway: Gateway, prompt: Prompt | Failure) -> Ready | Failure:
    """Everything that is known before the first call. Raises RetryLater while a tool is not there."""
    command = command_of(delivery)
    if failure := _unusable(command, prompt, seconds_left(delivery, gateway)):
        return failure
    assert not isinstance(prompt, Failure)
    offered = _offered(delivery, gateway)
    scopes = _scopes(delivery, gateway)
    if isinstance(offered, Failure):
        return offered
    if isinstance(scopes, Failure):
        return scopes
    body = shared_body(prompt, offered, output_schema=command.output_schema, temperature=command.temperature)
    candidates = route_model(gateway.table, command.profile, tokens_input=tokens_of(body))
    return candidates if isinstance(candidates, Failure) else Ready(offered, body, candidates, scopes)


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


def _scopes(delivery: Delivery, gateway: Gateway) -> Sequence[Scope] | Failure:
    """The caps of the command; a command that names none has the default cap for its execution."""
    command, place = command_of(delivery), delivery.subject
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
