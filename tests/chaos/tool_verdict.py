"""Did a task end right although its tools were killed: as expected, or before a person, with nothing done twice?"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from contracts.handovers import OpenHandover
from hil.demo.expected_state import Json, ServerState
from hil.demo.verdict import calls_equal, communicated
from hil.domain_file import Action, Domain, Task
from hil.turns import TurnOutcome

UNKNOWN = "tool_outcome_unknown"


class Kind(Enum):
    """`CUT`: a write was cut by a kill, and a person knows what is known of it."""

    AS_EXPECTED = "as_expected"
    CUT = "cut"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class ToolVerdict:
    """`twice` are effects that the server's own call log has more often than they are expected."""

    task: str
    kind: Kind
    why: str = ""
    twice: tuple[str, ...] = ()


def verdict_of(
    domain: Domain, task: Task, outcome: TurnOutcome, *, expected: ServerState, played: ServerState
) -> ToolVerdict:
    """Reads may have been made again, writes may not."""
    writes = {name for name, rules in domain.file.tools.items() if rules.get("side_effect") == "write"}
    wanted = [action for action in task.actions if action.name in writes]
    made = [call for call in played.calls if call["name"] in writes]
    twice = _twice(wanted, made)
    why = _wrong(domain, task, outcome, equal=expected.database == played.database and calls_equal(wanted, made))
    if not why and not twice:
        return ToolVerdict(task.id, Kind.AS_EXPECTED)
    if not twice and _is_cut(outcome, wanted, made, writes={f"{domain.name}.{name}" for name in writes}):
        return ToolVerdict(task.id, Kind.CUT)
    return ToolVerdict(task.id, Kind.WRONG, why or "an effect is there twice", twice)


def _wrong(domain: Domain, task: Task, outcome: TurnOutcome, *, equal: bool) -> str:
    finished = outcome.finished
    if finished is None:
        return "it has not ended"
    sink = "HANDOVER" if domain.expects_transfer(task) else "FINISH"
    if finished.sink != sink:
        return f"it ended in {finished.sink}: {finished.reason} {finished.detail}"
    if not equal:
        return "the shop's database or the writes in its call log are not those of the task"
    said = communicated(task.communicate_info, (message.text for message in outcome.messages))
    return "" if said else "the customer was not told everything"


def _is_cut(outcome: TurnOutcome, wanted: Sequence[Action], made: Sequence[Json], *, writes: set[str]) -> bool:
    """A person has it, for an unknown outcome of one write; what was done before is the beginning of what was to do."""
    handover, finished = outcome.handover, outcome.finished
    if handover is None or finished is None or finished.reason != UNKNOWN:
        return False
    return len(_unknown_writes(handover, writes)) == 1 and calls_equal(wanted[: len(made)], made)


def _unknown_writes(handover: OpenHandover, writes: set[str]) -> list[str]:
    """Those whose packet says what is known: the tool, what it was asked, and how it was cut."""
    return [
        action.tool
        for action in handover.packet.actions
        if action.outcome == "unknown" and action.tool in writes and action.arguments and action.result
    ]


def _twice(wanted: Iterable[Action], made: Iterable[Json]) -> tuple[str, ...]:
    counted = Counter(_text(call["name"], call["arguments"]) for call in made)
    expected = Counter(_text(action.name, dict(action.arguments)) for action in wanted)
    return tuple(text for text, count in counted.items() if count > max(expected[text], 1))


def _text(name: object, arguments: object) -> str:
    return json.dumps([name, arguments], sort_keys=True)
