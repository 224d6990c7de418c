"""Would this build decide again what is in the log, given only what each decision says it was based on (SPEC O10)?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.envelope import Decision, LogEntry
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed
from contracts.handovers import OpenHandover
from orchestrator.domain.decide import Circumstances, decide
from orchestrator.domain.experiment import experiments_then
from orchestrator.domain.fold import fold
from orchestrator.domain.state import Conversation
from orchestrator.domain.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision of the log that this build makes otherwise; `now` is what it makes of it, None for nothing."""

    sequence: int
    recorded: str
    now: str | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many decisions were made again, and which came out otherwise."""

    decisions: int
    differences: tuple[Difference, ...]


def replay(tenant: str, key: str, entries: Sequence[LogEntry], workflows: Mapping[str, Workflow]) -> Replayed:
    """Re-decide every decision of a log. `workflows` by content hash must hold every version that it names.

    Before each decision the inputs that it names are folded in its order, and nothing else that came since."""
    state, made, differences = Conversation(tenant, key), 0, []
    inputs = {entry.id: entry for entry in reversed(entries) if not isinstance(entry.message, Decision)}
    for entry in entries:
        recorded = entry.message
        if not isinstance(recorded, Decision):
            continue
        for input_id in recorded.based_on.inputs:
            if input_id in inputs:
                state = fold(state, inputs[input_id])
        made += 1
        found = _decide_again(state, recorded, workflows)
        if found is None or found[0] != entry.id or found[1] != _comparable(recorded):
            differences.append(
                Difference(entry.sequence, _comparable(recorded), found[1] if found is not None else None)
            )
        state = fold(state, entry)
    return Replayed(made, tuple(differences))


def _decide_again(state: Conversation, recorded: Decision, workflows: Mapping[str, Workflow]) -> tuple[str, str] | None:
    routes = _routes_then(state, recorded, workflows)
    workflow = workflows.get(recorded.workflow_hash or "")
    breakers = frozenset(f"{workflow.name}/{node}" for node in recorded.based_on.breakers) if workflow else frozenset()
    ai_stop = recorded.based_on.ai_stop
    stops = {"*": ai_stop} if ai_stop is not None else {}
    exposed = recorded if isinstance(recorded, ExperimentExposed) else None
    experiments = experiments_then(state.exposures, exposed=exposed, experiment=recorded.based_on.experiment)
    routes |= {workflow: recorded.workflow_hash for workflow in experiments if recorded.workflow_hash is not None}
    circumstances = Circumstances(recorded.based_on.now_ms, workflows, routes, breakers, stops, experiments)
    decided = decide(state, circumstances).decision
    return None if decided is None else (decided.id, _comparable(decided.message))


def _routes_then(state: Conversation, recorded: Decision, workflows: Mapping[str, Workflow]) -> dict[str | None, str]:
    """The routes that the recorded decision implies: the version that it pinned was the one in force."""
    if recorded.workflow_hash is None:
        return {}
    names = {turn.message.workflow for turn in state.turns.values()}
    names |= {state.start.message.workflow} if state.start is not None else set()
    return dict.fromkeys(names, recorded.workflow_hash)


def _comparable(decision: Decision) -> str:
    """A decision without what does not belong to it: where the prefix ended, in which order inputs came, and a count
    that follows from the log, which older builds did not tell."""
    based_on = decision.based_on.model_copy(update={"fence": 0, "inputs": ()})
    kept = decision.model_copy(update={"based_on": based_on})
    if isinstance(kept, OpenHandover) and kept.packet.origin is not None:
        origin = kept.packet.origin.model_copy(update={"as_of_seq": 0})
        kept = kept.model_copy(update={"packet": kept.packet.model_copy(update={"origin": origin})})
    if isinstance(kept, ExecutionFinished):
        kept = kept.model_copy(update={"people_asked": 0})
    return f"{decision.route.type} {kept.model_dump_json(exclude_defaults=True)}"


def versions_named(entries: Iterable[LogEntry]) -> set[str]:
    """Content hashes of the workflow versions that the decisions of a log name."""
    decisions = (entry.message for entry in entries if isinstance(entry.message, Decision))
    return {decision.workflow_hash for decision in decisions if decision.workflow_hash is not None}
