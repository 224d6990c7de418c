"""Does an experiment choose the version of an execution, and must the log say so first (SPEC A7)?"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.experiments import Arm, ExperimentExposed, Split
from orchestrator.domain.state import Conversation


@dataclass(frozen=True, slots=True)
class Choice:
    """Which version an execution gets, by its content hash ('' is none), and which experiment chose it."""

    workflow_hash: str
    experiment: str | None = None


def split_of(name: str | None, routes: Mapping[str | None, str], experiments: Mapping[str, Split]) -> Split | None:
    """The experiment that runs on what a message names, None being the tenant's route. Content names its workflow, so
    the same hash in force is the same workflow."""
    in_force = routes.get(name)
    if in_force is None or not experiments:
        return None
    return next((split for workflow, split in experiments.items() if routes.get(workflow) == in_force), None)


def choice(
    state: Conversation, name: str | None, routes: Mapping[str | None, str], experiments: Mapping[str, Split]
) -> Choice:
    """The arm of a conversation while its experiment runs, else the version in force."""
    split = split_of(name, routes, experiments)
    exposure = state.exposures.get(split.name) if split is not None else None
    if exposure is None:
        return Choice(routes.get(name, ""))
    return Choice(exposure.workflow_hash or "", exposure.experiment)


def owed_exposure(
    state: Conversation, name: str | None, routes: Mapping[str | None, str], experiments: Mapping[str, Split]
) -> tuple[Split, Arm] | None:
    """The arm that the conversation is in, where its log does not say so yet."""
    split = split_of(name, routes, experiments)
    if split is None or split.name in state.exposures:
        return None
    arm = split.arm_of(state.tenant, state.key)
    return None if arm is None else (split, arm)


def exposed_hashes(state: Conversation, experiments: Mapping[str, Split]) -> set[str]:
    """Content hashes of the arms of a conversation that are in use now."""
    running = {split.name for split in experiments.values()}
    return {one.workflow_hash for name, one in state.exposures.items() if name in running and one.workflow_hash}


def experiments_then(
    exposures: Mapping[str, ExperimentExposed], *, exposed: ExperimentExposed | None, experiment: str | None
) -> dict[str, Split]:
    """The experiments that a recorded decision implies: the one that it exposes to, or that chose its version."""
    if exposed is None and experiment is not None:
        exposed = exposures.get(experiment)
    return {} if exposed is None else {exposed.split.workflow: exposed.split}
