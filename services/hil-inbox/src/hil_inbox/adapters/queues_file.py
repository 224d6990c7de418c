"""Which queues does the file declare? Says what is wrong with it by file, line and field."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import ValidationError

from hil_inbox.adapters.queue_entries import OpenEntry, QueueEntry, QueuesDocument, hours_of
from hil_inbox.adapters.yaml_lines import FileUnusable, Lines, Place, hint, read_lines
from hil_inbox.domain.open_hours import ms_of_day
from hil_inbox.domain.queues import Queues

SHIPPED = Path(__file__).parent.parent / "queues.yaml"
"""What holds without a file of one's own."""
MISTAKES_MAX = 20


def load_queues(path: Path | None) -> Queues:
    """The queues of this file, or the shipped ones. Raises FileUnusable with every mistake."""
    lines = read_lines(path or SHIPPED)
    try:
        document = QueuesDocument.model_validate(lines.values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise _refused([_mistake(lines, one["loc"], one["msg"], one["type"]) for one in found]) from error
    complaints = [lines.complaint(place, text) for place, text in _mistakes(document)]
    if complaints:
        raise _refused(complaints)
    return Queues(tuple(entry.queue() for entry in document.queues))


def _refused(complaints: list[str]) -> FileUnusable:
    more = len(complaints) - MISTAKES_MAX
    return FileUnusable("\n".join(complaints[:MISTAKES_MAX] + ([f"and {more} more"] if more > 0 else [])))


def _mistake(lines: Lines, place: Place, text: str, kind: str) -> str:
    if kind == "extra_forbidden":
        text = "is not known here" + hint(str(place[-1]), _known(place))
    return lines.complaint(place, text)


def _known(place: Place) -> list[str]:
    """The fields that may stand where an unknown one does."""
    if len(place) == 1:
        return list(QueuesDocument.model_fields)
    field = QueueEntry.model_fields.get(str(place[2])) if len(place) > 3 else None
    kind = QueueEntry if field is None else field.annotation
    return list(getattr(kind, "model_fields", {}))


def _mistakes(document: QueuesDocument) -> Iterator[tuple[Place, str]]:
    """What no entry can know of itself."""
    names = [entry.name for entry in document.queues]
    last = len(names) - 1
    for index, entry in enumerate(document.queues):
        place: Place = ("queues", index)
        if entry.name in names[:index]:
            yield (*place, "name"), f"{entry.name!r} is there twice; queues are told apart by their names"
        matches_all = not (entry.match.skills or entry.match.reasons or entry.match.workflows)
        if matches_all and index < last:
            text = f"{entry.name!r} matches everything, so {names[index + 1]!r} after it gets nothing; put it last"
            yield place, text
        if not matches_all and index == last:
            yield (*place, "match"), f"{entry.name!r} is last and must match everything; leave `match` out"
        yield from ((place + inner, text) for inner, text in _of_entry(entry, names))


def _of_entry(entry: QueueEntry, names: list[str]) -> Iterator[tuple[Place, str]]:
    nobody = entry.when_nobody
    if nobody.overflow is not None and (nobody.overflow not in names or nobody.overflow == entry.name):
        others = [name for name in names if name != entry.name]
        yield ("when_nobody", "overflow"), f"{nobody.overflow!r} is no other queue{hint(nobody.overflow, others)}"
    if nobody.message is not None and nobody.callback is not None:
        yield ("when_nobody", "callback"), "the customer is told one thing: give either `message` or `callback`"
    yield from _of_hours(entry.open)


def _of_hours(entry: OpenEntry) -> Iterator[tuple[Place, str]]:
    if entry.time_zone not in _zones():
        yield ("open", "time_zone"), f"{entry.time_zone!r} is no IANA time zone{hint(entry.time_zone, _zones())}"
    for index, text in enumerate(entry.hours):
        for hour in hours_of(text):
            if ms_of_day(hour.since) >= ms_of_day(hour.until):
                yield ("open", "hours", index), f"{text!r}: must begin before it ends; a night is two spans"
                break


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
