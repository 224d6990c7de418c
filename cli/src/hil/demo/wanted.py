"""Which customers are to be played, by which model?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.domain_file import Domain, DomainError, Task, load_domain
from hil.embedded.plan import ReplayModel
from hil.outcome import bad_input
from hil.provider import has_provider
from hil.replay_model.faults import Fault

REPLAYED = "replayed: no model was asked"
REAL = "answered by the provider of your settings"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be played. `model` None is the provider of the settings; `title` says which it is."""

    domain: Domain
    domain_file: Path
    tasks: Sequence[Task]
    concurrency: int
    model: ReplayModel | None
    title: str


def wanted_of(domain_file: Path, split: str, ids: str, *, concurrency: int, faults: tuple[Fault | None, str]) -> Wanted:
    """Read the domain and choose its tasks: `ids`, else the split. Raises CommandError."""
    fault, fault_ids = faults
    if (fault is None) != (not fault_ids):
        raise bad_input("--fault and --fault-ids belong together")
    try:
        domain = load_domain(domain_file)
        tasks = [domain.task(task_id) for task_id in _listed(ids)] if ids else domain.tasks_of(split)
        wrong = [domain.task(task_id).id for task_id in _listed(fault_ids)]
    except DomainError as error:
        raise bad_input(str(error)) from error
    if has_provider() and fault is None:
        return Wanted(domain, domain_file, tasks, concurrency, None, REAL)
    arguments = () if fault is None else ("--fault", fault.value, "--fault-ids", ",".join(wrong))
    return Wanted(domain, domain_file, tasks, concurrency, ReplayModel(domain_file, arguments), REPLAYED)


def _listed(ids: str) -> list[str]:
    return list(dict.fromkeys(task_id.strip() for task_id in ids.split(",") if task_id.strip()))
