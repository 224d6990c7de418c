"""Which experiments compare versions of a workflow, who is in which arm, and which message says so (SPEC A7)?"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.envelope import Decision, Identifier, message_type

ARMS_MAX = 6
EXPERIMENTS_MAX = 200
"""Experiments of a tenant that are kept; when there are more, the oldest that is stopped goes."""
NAMES_MAX = 5_000
"""Names that a tenant may use in all: the record of them is one message."""

MeanMetric: TypeAlias = Literal["success_rate", "error_rate", "handover_rate", "cost_usd", "latency_ms", "csat"]
GuardedMetric: TypeAlias = MeanMetric | Literal["p95_latency_ms"]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class ExperimentRefused(Exception):
    """An experiment that cannot be declared or stopped; the text names it and why."""


class Arm(BaseModel):
    """A published version, and the share of conversations that get it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: Version
    content_hash: Identifier
    percent: int = Field(ge=1, le=100)


class Split(BaseModel):
    """All that assignment needs. The first arm is the control; conversations beyond the arms' percents are in no arm
    and get the version in force."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: Token
    workflow: Identifier
    arms: tuple[Arm, ...] = Field(min_length=2, max_length=ARMS_MAX)

    @model_validator(mode="after")
    def _arms_differ(self) -> Self:
        versions = [arm.version for arm in self.arms]
        if len(set(versions)) < len(versions):
            raise ValueError(f"arms {', '.join(versions)}: each is a version of its own")
        percent = sum(arm.percent for arm in self.arms)
        if percent > 100:
            raise ValueError(f"arms take {percent} percent of conversations, the limit is 100")
        return self

    def arm_of(self, tenant: str, key: str) -> Arm | None:
        """The arm of a conversation, the same whenever and wherever it is asked; None outside the experiment."""
        digest = hashlib.sha256(f"{tenant}/{self.name}/{key}".encode()).digest()
        point = int.from_bytes(digest[:8], "big") * 100 >> 64  # 0 to 99, each as likely.
        for arm in self.arms:
            if point < arm.percent:
                return arm
            point -= arm.percent
        return None


class Guardrail(BaseModel):
    """What must not get worse than the control by more than `tolerance`, a share of the control's value."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    metric: GuardedMetric
    tolerance: float = Field(0.0, ge=0, le=1)


DEFAULT_GUARDRAILS = tuple(
    Guardrail(metric=metric) for metric in ("error_rate", "cost_usd", "p95_latency_ms", "handover_rate")
)


class Experiment(Split):
    """A declared experiment. `metrics` decide it; times are Unix milliseconds."""

    metrics: tuple[MeanMetric, ...] = Field(("success_rate",), min_length=1, max_length=5)
    guardrails: tuple[Guardrail, ...] = Field(DEFAULT_GUARDRAILS, max_length=7)
    conversations_min: int = Field(
        500, ge=100, le=1_000_000, description="Conversations of each arm before any verdict."
    )
    started_ms: int
    stopped_ms: int | None = None

    @model_validator(mode="after")
    def _metrics_differ(self) -> Self:
        for names in (self.metrics, tuple(guardrail.metric for guardrail in self.guardrails)):
            if len(set(names)) < len(names):
                raise ValueError(f"{', '.join(names)}: each metric once")
        return self

    @property
    def split(self) -> Split:
        """Without what assignment does not need."""
        return Split(name=self.name, workflow=self.workflow, arms=self.arms)


class Experiments(BaseModel):
    """All experiments of a tenant, oldest first: one record, so that of two that start at once for one workflow only
    one does. `gone` are the names of those that made room."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    experiments: tuple[Experiment, ...] = ()
    gone: tuple[Token, ...] = ()

    def named(self, name: str) -> Experiment:
        """Raises ExperimentRefused where there is none."""
        for one in self.experiments:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.experiments[-10:]) or "none"
        raise ExperimentRefused(f"there is no experiment {name[:80]!r}; the newest are {known}")

    def running(self) -> Mapping[str, Split]:
        """By the name of the workflow."""
        return {one.workflow: one.split for one in self.experiments if one.stopped_ms is None}

    def with_started(self, new: Experiment) -> Self:
        """A name is used once, since figures and exposures are kept by it; a workflow has one experiment at a time."""
        if new.name in self.gone or any(one.name == new.name for one in self.experiments):
            raise ExperimentRefused(
                f"experiment {new.name} was declared before; figures are kept by name, take another"
            )
        other = self.running().get(new.workflow)
        if other is not None:
            raise ExperimentRefused(f"experiment {other.name} runs on workflow {new.workflow}; stop it first")
        if len(self.gone) + len(self.experiments) >= NAMES_MAX:
            raise ExperimentRefused(f"{NAMES_MAX} experiments were declared, the most that a tenant may have")
        if len(self.experiments) < EXPERIMENTS_MAX:
            return self.model_copy(update={"experiments": (*self.experiments, new)})
        return self._without_oldest().with_started(new)

    def _without_oldest(self) -> Self:
        oldest = next((one for one in self.experiments if one.stopped_ms is not None), None)
        if oldest is None:
            raise ExperimentRefused(f"{EXPERIMENTS_MAX} experiments run, the most that a tenant may have; stop one")
        kept = tuple(one for one in self.experiments if one is not oldest)
        return self.model_copy(update={"experiments": kept, "gone": (*self.gone, oldest.name)})

    def with_stopped(self, name: str, *, at_ms: int) -> Self:
        """Stopping again changes nothing."""
        found = self.named(name)
        if found.stopped_ms is not None:
            return self
        stopped = found.model_copy(update={"stopped_ms": max(at_ms, found.started_ms)})
        return self.model_copy(
            update={"experiments": tuple(stopped if one is found else one for one in self.experiments)}
        )


@message_type(
    "evt",
    "experiment.exposed",
    owner="orchestrator",
    sent_by=("orchestrator",),
    read_by=("analytics",),
)
class ExperimentExposed(Decision):
    """A conversation is in an arm of an experiment from here on; once for each experiment. `workflow_hash` is the
    arm's version. The split is here so that the assignment can be made again from the log alone."""

    split: Split
    version: Version

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self.split.name
