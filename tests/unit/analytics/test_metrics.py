"""What Prometheus is shown of executions that were counted."""

from prometheus_client import REGISTRY
from tests.support.handovers import ended

from analytics.handlers.metrics import WORKFLOWS_MAX, Metrics
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished


def entry(**fields: object) -> LogEntry:
    message = ended("x1", **fields)
    assert isinstance(message, ExecutionFinished)
    return LogEntry(1, 1_000, "m1", message, 100)


def executions(workflow: str, *, sink: str, reason: str, success: str) -> float | None:
    labels = {"workflow": workflow, "sink": sink, "reason": reason, "success": success}
    return REGISTRY.get_sample_value("hil_executions_total", labels)


def test_every_way_to_fail_is_there_before_the_first_failure() -> None:
    assert executions("early", sink="HANDOVER", reason="timeout", success="false") is None
    Metrics()(entry(workflow="early"))
    assert executions("early", sink="FINISH", reason="none", success="true") == 1
    assert executions("early", sink="HANDOVER", reason="timeout", success="false") == 0


def test_a_default_response_is_a_failure() -> None:
    Metrics()(entry(workflow="default", default_response=True))
    assert executions("default", sink="FINISH", reason="none", success="false") == 1


def test_labels_are_of_a_closed_set() -> None:
    metrics = Metrics()
    for number in range(WORKFLOWS_MAX + 3):
        metrics(entry(workflow=f"many-{number}", sink="HANDOVER", reason="what nobody knows", success=False))
    assert executions("other", sink="HANDOVER", reason="other", success="false") == 3
    assert executions(f"many-{WORKFLOWS_MAX}", sink="HANDOVER", reason="other", success="false") is None
