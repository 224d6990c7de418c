"""Does this build decide every recorded history again in the same way?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.domain.replay import replay
from orchestrator.domain.workflow import Workflow
from tests.chaos.history import Key, Stored


@dataclass(frozen=True, slots=True)
class Replays:
    """How many decisions were made again, and what came out otherwise."""

    decisions: int
    differences: tuple[str, ...]


def replay_all(logs: Mapping[Key, Iterable[Stored]], workflows: Mapping[str, Workflow]) -> Replays:
    """Re-decide every log; `workflows` by content hash."""
    decisions, differences = 0, []
    for (tenant, key), log in logs.items():
        found = replay(tenant, key, [stored.entry for stored in log], workflows)
        decisions += found.decisions
        differences += [f"{tenant}.{key}: {difference}" for difference in found.differences]
    return Replays(decisions, tuple(differences))
