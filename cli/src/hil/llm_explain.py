"""How did a request to a model come to its answer, as the cost ledger tells it?"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from pydantic import ValidationError
from rich.console import Group
from rich.table import Table
from rich.text import Text

from contracts.costs import CostEntry, CostRecorded, RequestRecord
from contracts.streams import LOG
from contracts.subjects import every_version_of
from hil.outcome import CommandError
from service_kit.connection import Connection
from service_kit.entries import whole_body

_BATCH = 200
_WAIT_SECONDS = 5.0
# Newest first in windows that grow: most questions are about a request of this minute.
_FIRST_WINDOW = timedelta(minutes=5)
# A lapsed lease, or what became known later, is recorded after the request itself.
_LATER = timedelta(minutes=30)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Explained:
    """`request` is None while only its money is recorded: it is on its way, or its gateway died."""

    request_id: str
    request: Json | None
    attempts: list[Json]
    spent_microdollars: int


@dataclass(slots=True)
class Recorded:
    """What the ledger says of one request."""

    requests: list[RequestRecord]
    entries: list[CostEntry]


def explained(request_id: str, recorded: Recorded) -> Explained | None:
    """In order of time; None where nothing is recorded."""
    if not recorded.requests and not recorded.entries:
        return None
    entries = sorted(recorded.entries, key=lambda entry: (entry.recorded_ms, entry.reservation_id))
    last = max(recorded.requests, key=lambda record: record.recorded_ms, default=None)
    return Explained(
        request_id=request_id,
        request=None if last is None else last.model_dump(mode="json"),
        attempts=[entry.model_dump(mode="json") for entry in entries],
        spent_microdollars=sum(entry.spent_microdollars for entry in entries),
    )


async def find_request(connection: Connection, request_id: str, *, hours: float) -> Recorded:
    """All that is recorded of it, by command id or by x-request-id. Raises CommandError when the log cannot be read."""
    end = datetime.now(UTC)
    earliest, window = end - timedelta(hours=hours), _FIRST_WINDOW
    found = Recorded([], [])
    try:
        while end > earliest:
            start = max(end - window, earliest)
            async for recorded in _ledger(connection, start, end + (_LATER if found.entries else timedelta(0))):
                found.requests += [one for one in recorded.requests if one.request_id == request_id]
                found.entries += [one for one in recorded.entries if one.request_id == request_id]
            if found.requests:
                break
            end, window = start, window * 6
        if found.requests and not found.entries:
            before = Recorded([], [])  # The attempts can be just outside the window.
            async for recorded in _ledger(connection, start - _FIRST_WINDOW, start):
                before.entries += [one for one in recorded.entries if one.request_id == request_id]
            found.entries = before.entries
    except nats.errors.Error as error:
        raise CommandError(f"the cost ledger cannot be read: {type(error).__name__}") from error
    return found


async def _ledger(connection: Connection, start: datetime, end: datetime) -> AsyncIterator[CostRecorded]:
    """Every message of the ledger stored from `start` to `end`; one that cannot be read is passed over."""
    subscription = await connection.jetstream.pull_subscribe(
        every_version_of(CostRecorded.route),
        stream=LOG.name,
        config=ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_TIME,
            opt_start_time=start.isoformat().replace("+00:00", "Z"),  # type: ignore[arg-type]
            mem_storage=True,
            inactive_threshold=60.0,
        ),
    )
    try:
        pending = (await subscription.consumer_info()).num_pending or 0
        while pending > 0:
            messages = await subscription.fetch(min(_BATCH, pending), timeout=_WAIT_SECONDS)
            pending -= len(messages)
            for message in messages:
                if message.metadata.timestamp > end:
                    return
                body = await whole_body(connection.jetstream, message.data, dict(message.headers or {}))
                try:
                    yield CostRecorded.model_validate_json(body)
                except ValidationError:
                    continue
    finally:
        await subscription.unsubscribe()


def page(found: Explained) -> Group:
    """For a person."""
    request = found.request
    lines = [Text(f"Request {found.request_id}", style="bold")]
    if request is None:
        lines.append(Text("Its end is not recorded: it is on its way, or its gateway died. Known is its money only."))
        return Group(*lines, _attempts(found.attempts))
    lines += [Text(line) for line in _summary(request, found.spent_microdollars)]
    return Group(*lines, _candidates(request["candidates"]), _attempts(found.attempts))


def _summary(request: Json, spent_microdollars: int) -> Sequence[str]:
    at = datetime.fromtimestamp(request["recorded_ms"] / 1000, UTC).isoformat(timespec="milliseconds")
    names = ("key", "entity", "workflow", "execution_id", "node")
    whose = ", ".join(f"{name} {request[name]}" for name in names if request[name])
    masked = ", ".join(f"{count} {kind}" for kind, count in request["masked"].items())
    how = [word for word in ("streamed", "repaired", "replayed") if request[word]]
    model = request["model"]
    return (
        f"{request['operation']} over {request['source']}, profile {request['profile']!r}, ended {at}",
        f"for: {whose or 'nobody named'}",
        f"outcome: {request['outcome']}" + (f", by {model} of {request['provider']}" if model else ""),
        f"why: {_why(request)}",
        f"cache: {request['cache']}; masked: {masked or 'nothing'}" + (f"; {', '.join(how)}" if how else ""),
        f"tokens: {request['tokens_input']} in ({request['tokens_cached']} cached), {request['tokens_output']} out",
        f"time: {request['latency_ms']} ms; cost: {spent_microdollars} micro-dollars "
        f"(${spent_microdollars / 1_000_000:.6f})",
    )


def _why(request: Json) -> str:
    if request["cache"] != "none":
        return f"the answer came from the cache ({request['cache']}), no model was called"
    passed = [f"{one['model']} {one['verdict']}" for one in request["candidates"]]
    answered = [one["model"] for one in request["candidates"] if one["verdict"] == "answered"]
    if not answered:
        return "no model of the profile gave an answer: " + ("; ".join(passed) or "none was asked")
    before = passed[: [one["model"] for one in request["candidates"]].index(answered[0])]
    if not before:
        return f"{answered[0]} is the first of the profile and answered"
    return f"{answered[0]} was next after " + ", ".join(before)


def _candidates(candidates: Sequence[Json]) -> Table:
    table = Table(title="Models of the profile, in its order", title_justify="left")
    for name in ("model", "verdict", "reason"):
        table.add_column(name, overflow="fold")
    for one in candidates:
        table.add_row(one["model"], one["verdict"], one["reason"])
    return table


def _attempts(attempts: Sequence[Json]) -> Group:
    table = Table(title="Calls, in micro-dollars", title_justify="left")
    for name in ("model", "outcome", "standing", "reserved", "settled", "in/cached/out", "ms"):
        table.add_column(name, overflow="fold", justify="right" if name in ("reserved", "settled", "ms") else "left")
    for one in attempts:
        tokens = f"{one['tokens_input']}/{one['tokens_cached']}/{one['tokens_output']}"
        figures = (str(one["reserved_microdollars"]), str(one["spent_microdollars"]), tokens, str(one["latency_ms"]))
        table.add_row(one["model"] or one["tool"] or "?", one["outcome"], one["standing"], *figures)
    books = dict.fromkeys(
        book for one in attempts for book in one["scopes"]
    )  # All calls of a request count in the same.
    return Group(table, *(Text(f"counted in {book}") for book in books))
