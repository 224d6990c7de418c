"""Did the system do for one customer what the task expects, and nothing else?"""

from collections.abc import Iterable
from dataclasses import dataclass

from hil.demo.expected_state import Json, ServerState
from hil.domain_file import Action, Domain, Task
from hil.turns import TurnOutcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the report. `sink` is None when the turn did not end in time."""

    id: str
    expected_sink: str
    sink: str | None
    db_equal: bool
    calls_equal: bool
    communicated: bool
    completions: int = 0
    tool_calls: int = 0
    cost_usd: float = 0.0
    latency_ms: int = 0
    detail: str = ""

    @property
    def passed(self) -> bool:
        return self.db_equal and self.calls_equal and self.communicated and self.sink == self.expected_sink


def judge(domain: Domain, task: Task, outcome: TurnOutcome, *, expected: ServerState, played: ServerState) -> Verdict:
    """Compare what happened with what was to happen."""
    finished = outcome.finished
    nodes = finished.nodes if finished is not None else ()
    return Verdict(
        id=task.id,
        expected_sink="HANDOVER" if domain.expects_transfer(task) else "FINISH",
        sink=_sink(outcome),
        db_equal=expected.database == played.database,
        calls_equal=calls_equal(task.actions, played.calls),
        communicated=communicated(task.communicate_info, (message.text for message in outcome.messages)),
        completions=sum(node.completions for node in nodes),
        tool_calls=sum(node.tool_calls for node in nodes),
        cost_usd=finished.cost_microdollars / 1e6 if finished is not None else 0.0,
        latency_ms=finished.finished_ms - finished.started_ms if finished is not None else 0,
        detail=_detail(outcome),
    )


def calls_equal(expected: Iterable[Action], made: Iterable[Json]) -> bool:
    """Each expected call as often as it is expected, in order, and nothing else."""
    wanted, calls = list(expected), list(made)
    return len(wanted) == len(calls) and all(map(_is_call, wanted, calls))


def communicated(infos: Iterable[str], texts: Iterable[str]) -> bool:
    """Each piece of information is contained in a message to the customer; case does not count."""
    said = [text.lower() for text in texts]
    return all(any(info.lower() in text for text in said) for info in infos)


def _is_call(action: Action, call: Json) -> bool:
    arguments = call["arguments"]
    if call["name"] != action.name or not isinstance(arguments, dict):
        return False
    names = action.compare_args if action.compare_args is not None else {*action.arguments, *arguments}
    return all(action.arguments.get(name) == arguments.get(name) for name in names)


def _sink(outcome: TurnOutcome) -> str | None:
    """HANDOVER counts only with the packet that a person needs."""
    if outcome.finished is None or (outcome.finished.sink == "HANDOVER" and outcome.handover is None):
        return None
    return outcome.finished.sink


def _detail(outcome: TurnOutcome) -> str:
    if outcome.refused is not None:
        return f"refused: {outcome.refused.reason}"
    if outcome.finished is None:
        return "no answer in time"
    return " ".join(part for part in (outcome.finished.reason, outcome.finished.detail) if part)
