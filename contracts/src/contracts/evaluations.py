"""Which message tells how a workflow did on a suite of cases, and whether that let it pass?"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import Identifier, Message, message_type

Verdict = Literal["not_judged", "passed", "regressed", "not_enough_trials"]
Share = Annotated[float, Field(ge=0, le=1)]
FINDINGS_MAX = 50


class EvaluationFigures(BaseModel):
    """As SPEC A3 and A6 define them; None was not measured. Cost is in USD."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    pass_rate: Share | None = Field(None, description="Trials that met every expectation, each case counting alike.")
    pass_k: tuple[Share, ...] = Field((), max_length=100, description="pass^1, pass^2 and so on: unbiased.")
    success_rate: Share | None = None
    handover_rate: Share | None = None
    intervention_rate: Share | None = None
    cost_per_request: float | None = Field(None, ge=0)
    p50_latency_ms: float | None = Field(None, ge=0)
    p95_latency_ms: float | None = Field(None, ge=0)
    csat: float | None = Field(None, ge=1, le=5)


@message_type("evt", "evaluation.finished", owner="client", sent_by=("client",), read_by=("analytics",))
class EvaluationFinished(Message):
    """An evaluation was played, or a gate has judged it; the key is its id. Nothing of what was said is in it."""

    suite: Identifier
    suite_hash: str = Field("", max_length=64)
    workflow: Identifier
    version: Identifier
    content_hash: str = Field("", max_length=64)
    replayed: bool = Field(False, description="Answered by the replay model: shows the platform, not a model.")
    cases: int = Field(ge=0)
    trials: int = Field(ge=0)
    started_ms: int = Field(ge=0)
    finished_ms: int = Field(ge=0)
    figures: EvaluationFigures = EvaluationFigures()
    verdict: Verdict = "not_judged"
    baseline: str | None = Field(None, max_length=128, description="Id of the blessed evaluation that it was held to.")
    findings: tuple[Annotated[str, Field(max_length=1_000)], ...] = Field(
        (), max_length=FINDINGS_MAX, description="What stood in the way."
    )
