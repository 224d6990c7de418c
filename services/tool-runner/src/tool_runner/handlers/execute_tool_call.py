"""A tool call was commanded: how does the command come to its one terminal fact, and the tool to one effect?"""

import time
from datetime import timedelta

from contracts.envelope import Identity
from service_kit.bus import Delivery
from service_kit.errors import RetryLater
from tool_runner.adapters.tool_registry import RegisteredTool
from tool_runner.domain.facts import ResultMarks, fact_of, outcome_id
from tool_runner.domain.outcome import Ended, Failed
from tool_runner.domain.tool_policy import Absence, absent, refusal_of_node
from tool_runner.handlers.observe import observe_call
from tool_runner.handlers.pipeline import carry_out
from tool_runner.handlers.places import Waiting
from tool_runner.handlers.runner import Runner, call_in_hand, command_of
from tool_runner.handlers.steps import step
from tool_runner.handlers.tell_result import as_told

LISTING = timedelta(seconds=0.5)
"""Wait for a server that has not said yet which tools it has."""


async def execute_tool_call(delivery: Delivery, runner: Runner) -> None:
    """Handle one delivery; returns when the terminal fact is stored."""
    started = time.monotonic()
    ended = await runner.flights.once(delivery.entry.id, lambda: _conclude(delivery, runner))
    if ended is not None:
        observe_call(command_of(delivery).tool, ended, seconds=time.monotonic() - started)


async def _conclude(delivery: Delivery, runner: Runner) -> Ended | None:
    """None when an earlier delivery was answered: then only its acknowledgement was lost."""
    if delivery.attempt > 1 and await _is_answered(delivery, runner):
        return None
    started = time.monotonic()
    found = step("tool", _found(delivery, runner))
    if isinstance(found, Failed):
        ended, marks = Ended(found), ResultMarks()
    else:
        call = call_in_hand(delivery, found)
        waiting = Waiting(delivery.entry.id, delivery.attempt, call.seconds_left(runner.now_ms()))
        with runner.places.one(call.tool.server, waiting):
            ended, marks = await as_told(await carry_out(call, runner), call, runner)
    command_id, place = delivery.entry.id, delivery.subject
    fact = fact_of(
        ended,
        command_of(delivery),
        command_id,
        latency_ms=round((time.monotonic() - started) * 1000),
        marks=marks,
        redacting=runner.redacting,
    )
    await runner.publish(fact, Identity(place.tenant, place.key, outcome_id(command_id), caused_by=command_id))
    return ended


async def _is_answered(delivery: Delivery, runner: Runner) -> bool:
    later = await runner.log.read(delivery.subject.tenant, delivery.subject.key, after=delivery.entry.sequence)
    return any(entry.id == outcome_id(delivery.entry.id) for entry in later)


def _found(delivery: Delivery, runner: Runner) -> RegisteredTool | Failed:
    """The tool, or why there is none for this node. Raises RetryLater while its server has not listed its tools."""
    command = command_of(delivery)
    if refusal := refusal_of_node(command):
        return refusal
    found = runner.registry.find(command.tool)
    waits = delivery.entry.timestamp_ms + command.timeout_ms > runner.now_ms()
    if found is Absence.NOT_LISTED_YET and waits:
        raise RetryLater(f"the server of {command.tool} is starting", after=LISTING)
    return absent(command, found) if isinstance(found, Absence) else found
