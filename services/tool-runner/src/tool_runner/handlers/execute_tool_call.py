"""A tool call was commanded: how does the command come to its one terminal fact, and the tool to one effect?"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from contracts.envelope import Identity, Message
from contracts.tool_calls import ExecuteToolCall
from pii import redact
from service_kit.bus import Delivery
from service_kit.errors import RetryLater
from service_kit.log import Log
from tool_runner.adapters.call_ledger import CallLedger, CallReference, Claimed, KeyReused, Orphaned, Recorded
from tool_runner.adapters.tool_registry import RegisteredTool, ToolRegistry
from tool_runner.domain.arguments import Caller, arguments_hash, native_key, with_reserved
from tool_runner.domain.facts import fact_of, outcome_id
from tool_runner.domain.outcome import Again, ErrorClass, Failed, Verdict, verdict_of_orphan
from tool_runner.domain.tool_policy import Absence, absent, refusal_of_arguments, refusal_of_permission
from tool_runner.domain.tool_request import ToolRequest
from tool_runner.handlers.make_call import PreparedCall, ToolServer, make_call, seconds_from_now
from tool_runner.handlers.observe import observe_call
from tool_runner.handlers.single_flight import SingleFlight

LISTING = timedelta(seconds=0.5)
"""Wait for a server that has not said yet which tools it has."""


class Publish(Protocol):
    async def __call__(self, message: Message, identity: Identity) -> int: ...


@dataclass(frozen=True, slots=True)
class Ended:
    """A verdict; `repeated` when it comes from the ledger."""

    verdict: Verdict
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Runner:
    """What a command is carried out with."""

    registry: ToolRegistry
    servers: Mapping[str, ToolServer]
    ledger: CallLedger
    log: Log
    publish: Publish
    now_ms: Callable[[], int]
    redacting: Callable[[str], str] = redact
    flights: SingleFlight[Ended | None] = field(default_factory=SingleFlight)


async def execute_tool_call(delivery: Delivery, runner: Runner) -> None:
    """Handle one delivery; returns when the terminal fact is stored."""
    command = _command(delivery)
    started = time.monotonic()
    ended = await runner.flights.once(delivery.entry.id, lambda: _conclude(delivery, runner))
    if ended is not None:
        observe_call(command.tool, ended.verdict, seconds=time.monotonic() - started, repeated=ended.repeated)


async def _conclude(delivery: Delivery, runner: Runner) -> Ended | None:
    """None when an earlier delivery was answered: then only its acknowledgement was lost."""
    command, command_id, place = _command(delivery), delivery.entry.id, delivery.subject
    if delivery.attempt > 1 and await _is_answered(delivery, runner):
        return None
    started = time.monotonic()
    ended = await _ended(delivery, runner)
    latency_ms = round((time.monotonic() - started) * 1000)
    fact = fact_of(
        ended.verdict,
        command,
        command_id,
        latency_ms=latency_ms,
        repeated=ended.repeated,
        redacting=runner.redacting,
    )
    identity = Identity(place.tenant, place.key, outcome_id(command_id), caused_by=command_id)
    await runner.publish(fact, identity)
    return ended


async def _is_answered(delivery: Delivery, runner: Runner) -> bool:
    later = await runner.log.read(delivery.subject.tenant, delivery.subject.key, after=delivery.entry.sequence)
    return any(entry.id == outcome_id(delivery.entry.id) for entry in later)


async def _ended(delivery: Delivery, runner: Runner) -> Ended:
    command = _command(delivery)
    found = _allowed(delivery, runner)
    if isinstance(found, Failed):
        return Ended(found)
    reference = runner.ledger.reference(
        f"{delivery.subject.tenant}.{delivery.subject.key}",
        command.idempotency_key,
        arguments_hash=arguments_hash(command.tool, command.arguments),
        command_id=delivery.entry.id,
    )
    match await runner.ledger.claim(reference):
        case Recorded(verdict):
            return Ended(verdict, repeated=True)
        case KeyReused():
            detail = f"{command.tool}: the idempotency key belongs to a call with other arguments"
            return Ended(Failed(ErrorClass.KEY_REUSED, detail))
        case Orphaned():
            cut = verdict_of_orphan(found.tool)
            if cut is not Again.AGAIN:
                return await _recorded(runner, reference, cut)
        case Claimed():
            pass
    return await _made(delivery, runner, found, reference)


def _allowed(delivery: Delivery, runner: Runner) -> RegisteredTool | Failed:
    """The tool, or why it may not be called. Raises RetryLater while its server has not listed its tools."""
    command = _command(delivery)
    if refusal := refusal_of_permission(command):
        return refusal
    found = runner.registry.find(command.tool)
    if found is Absence.NOT_LISTED_YET and _seconds_left(delivery, runner) > 0:
        raise RetryLater(f"the server of {command.tool} is starting", after=LISTING)
    if isinstance(found, Absence):
        return absent(command, found)
    return refusal_of_arguments(command, found.tool) or found.refusal_of(command.arguments) or found


async def _made(delivery: Delivery, runner: Runner, found: RegisteredTool, reference: CallReference) -> Ended:
    command, place = _command(delivery), delivery.subject
    seconds = min(_seconds_left(delivery, runner), found.tool.rules.timeout_ms / 1000)
    caller = Caller(place.tenant, place.key, command.entity)
    request = ToolRequest(
        tool=found.tool.local_name,
        arguments=with_reserved(found.tool, command.arguments, caller, idempotency_key=command.idempotency_key),
        until=seconds_from_now(seconds),
        caller=caller,
        idempotency_key=native_key(caller, command.idempotency_key),
    )
    call = PreparedCall(found.tool, request)
    try:
        verdict = await make_call(call, runner.servers[found.tool.server], lambda: runner.ledger.start(reference))
        return await _recorded(runner, reference, verdict)
    finally:
        runner.ledger.let_go(reference)


async def _recorded(runner: Runner, reference: CallReference, verdict: Verdict) -> Ended:
    """First the ledger, then the fact: whoever finds no fact finds the verdict."""
    await runner.ledger.finish(reference, verdict)
    return Ended(verdict)


def _seconds_left(delivery: Delivery, runner: Runner) -> float:
    """Until the deadline, which counts from when the command was stored: its sender's timer does too."""
    return (delivery.entry.timestamp_ms + _command(delivery).timeout_ms - runner.now_ms()) / 1000


def _command(delivery: Delivery) -> ExecuteToolCall:
    assert isinstance(delivery.message, ExecuteToolCall)
    return delivery.message
