"""Which Prometheus metrics follow from what was counted?"""

from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram

from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished, Reason
from contracts.handovers import OpenHandover

WORKFLOWS_MAX = 100
"""Workflows with labels of their own; later ones are `other`, so that the label set stays closed."""
SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 900, 3600)
REASONS = frozenset(reason.value for reason in Reason)

EXECUTIONS = Counter("hil_executions_total", "Executions that ended.", ("workflow", "sink", "reason", "success"))
EXECUTION_SECONDS = Histogram("hil_execution_seconds", "Time to the sink.", ("workflow", "sink"), buckets=SECONDS)
COST = Counter("hil_cost_microdollars_total", "What executions cost.", ("workflow",))
HANDOVERS = Counter("hil_handovers_total", "Handovers that were opened.", ("reason",))


@dataclass(slots=True)
class Metrics:
    """What this process counted since it started; each message once."""

    _workflows: set[str] = field(default_factory=set)

    def __call__(self, entry: LogEntry) -> None:
        """One message that was counted for the first time."""
        match entry.message:
            case ExecutionFinished() as message:
                self._execution(message)
            case OpenHandover() as message:
                HANDOVERS.labels(_reason(message.reason)).inc()
            case _:
                return

    def _execution(self, message: ExecutionFinished) -> None:
        workflow = self._workflow(message.workflow)
        success = str(message.success and not message.default_response).lower()
        EXECUTIONS.labels(workflow, message.sink, _reason(message.reason), success).inc()
        EXECUTION_SECONDS.labels(workflow, message.sink).observe((message.finished_ms - message.started_ms) / 1_000)
        COST.labels(workflow).inc(max(0, message.cost_microdollars))

    def _workflow(self, name: str) -> str:
        known = name if name in self._workflows or len(self._workflows) < WORKFLOWS_MAX else "other"
        if known not in self._workflows:
            self._workflows.add(known)
            _begin(known)
        return known


def _begin(workflow: str) -> None:
    """Every way to end is there at 0 once the workflow is: Prometheus sees no increase in what begins at 1, so the
    first of each kind would be missed."""
    for success in ("true", "false"):
        for reason in REASONS:
            EXECUTIONS.labels(workflow, "HANDOVER", reason, success)
        EXECUTIONS.labels(workflow, "FINISH", "none", success)


def _reason(reason: str | None) -> str:
    if reason is None:
        return "none"
    return reason if reason in REASONS else "other"
