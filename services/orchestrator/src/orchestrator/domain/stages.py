"""By which stages does a version of a workflow go live (`deployment`)?"""

from dataclasses import dataclass

from contracts.executions import StageName


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a rollout (SPEC R3). `duration_seconds` None is ongoing; `percent` of traffic is 0 to 100."""

    name: StageName
    duration_seconds: int | None
    percent: float
    mode: str | None = None
    collect_metrics: bool = True
    human_review_required: bool = False
    error_rate_max: float | None = None
