"""How is it counted, apart from all runs, that a node met an error, and in which executions?

Few executions do, so who looks for what fails reads little. A run counts here as in `failures_by_error_class` of its
node: it met the error, whether or not another attempt helped."""

from collections.abc import Iterable, Iterator, Mapping

from analytics.domain.cells import Subject
from analytics.domain.contribute import label_of
from analytics.domain.failure_patterns import Place, Tally
from analytics.domain.rollup import Contribution, Rollup
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished

BY_ERROR_CLASS = "by_error_class."
MET = "met."
NODE_ERRORS = "failures_by_error_class."


def failures_of(tenant: str, key: str, entry: LogEntry, message: ExecutionFinished) -> Iterator[Contribution]:
    """One for each node that met an error, with the moment `met.<error class>.<key>`."""
    counts: dict[str, dict[str, int]] = {}
    for node in message.nodes:
        if node.error_class is not None:
            of_node = counts.setdefault(label_of(node.node), {})
            name = f"{BY_ERROR_CLASS}{label_of(node.error_class)}"
            of_node[name] = of_node.get(name, 0) + 1
    for name, by_class in counts.items():
        subject = Subject(tenant, "failures", label_of(message.workflow), node=name)
        moments = {f"{MET}{one.removeprefix(BY_ERROR_CLASS)}.{key}": entry.timestamp_ms for one in by_class}
        yield Contribution(entry.sequence, subject, by_class, moments=moments)


def failing(rollups: Iterable[Rollup]) -> dict[Place, int]:
    """How many runs met each error, of rollups of the family `failures`."""
    found: dict[Place, int] = {}
    for rollup in rollups:
        subject = rollup.cell.subject
        for name, count in _by_class(rollup.counts, BY_ERROR_CLASS):
            place = Place(subject.tenant, subject.workflow, subject.node, name)
            found[place] = found.get(place, 0) + count
    return found


def examples_of(place: Place, rollups: Iterable[Rollup], *, at_most: int) -> tuple[str, ...]:
    """Keys of the newest executions that met the error there."""
    prefix = f"{MET}{place.error_class}."
    found: dict[str, int] = {}
    for rollup in rollups:
        subject = rollup.cell.subject
        if (subject.tenant, subject.workflow, subject.node) == (place.tenant, place.workflow, place.node):
            for name, at_ms in rollup.moments.items():
                if name.startswith(prefix):
                    key = name.removeprefix(prefix)
                    found[key] = max(at_ms, found.get(key, at_ms))
    return tuple(sorted(found, key=lambda key: (-found[key], key))[:at_most])


def tally_of(place: Place, rollups: Iterable[Rollup]) -> Tally:
    """Of rollups of the family `nodes`: of all versions and agents."""
    of_node = [rollup.counts for rollup in rollups if rollup.cell.subject.node == place.node]
    runs = sum(counts.get("runs", 0) for counts in of_node)
    return Tally(runs, sum(counts.get(f"{NODE_ERRORS}{place.error_class}", 0) for counts in of_node))


def _by_class(counts: Mapping[str, int], prefix: str) -> Iterator[tuple[str, int]]:
    for name, count in counts.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), count
