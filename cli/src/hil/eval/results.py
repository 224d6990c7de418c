"""What is kept of an evaluation: every trial of every case, and how is it written and read?"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.catalogue import describe
from hil.outcome import bad_input

FORM: Literal["hil-evaluation-1"] = "hil-evaluation-1"
BYTES_MAX = 64 * 1024 * 1024
FAILURES_MAX = 20
Text = Annotated[str, Field(max_length=500)]
Kind = Literal["no_outcome", "sink", "reason", "tools", "database", "reply", "check", "grade", "cached", "version"]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Execution(_Kept):
    """One execution of a trial; a turn of a conversation is one."""

    sink: Literal["FINISH", "HANDOVER"]
    success: bool = Field(description="As SPEC A3 defines it, whatever the case expects.")
    is_turn: bool = True
    reason: str | None = None
    cost_microdollars: int = Field(ge=0)
    latency_ms: int = Field(ge=0)
    replayed: bool = False


class Failure(_Kept):
    """An expectation that was not met. `kind` says of what sort it was."""

    kind: Kind
    detail: Text


class Trial(_Kept):
    """One independent try of a case. It passed if nothing failed."""

    key: str
    failures: tuple[Failure, ...] = Field((), max_length=FAILURES_MAX)
    executions: tuple[Execution, ...] = ()
    tool_calls: int = 0
    completions: int = 0
    grading_microdollars: int = 0
    rating: int | None = Field(None, ge=1, le=5, description="CSAT, where the customer gave one.")

    @property
    def passed(self) -> bool:
        return not self.failures


class CaseResult(_Kept):
    """The trials of one case."""

    id: str
    trials: tuple[Trial, ...]

    @property
    def tally(self) -> tuple[int, int]:
        return sum(trial.passed for trial in self.trials), len(self.trials)


class Evaluation(_Kept):
    """One evaluation. A baseline is one that was blessed."""

    form: Literal["hil-evaluation-1"] = FORM
    id: str = Field(pattern="^[A-Za-z0-9_-]{1,128}$", description="Key of the event that tells of it.")
    suite: str
    suite_hash: str = Field(description="sha256 of what the suite asks and expects, its gate apart.")
    workflow: str
    version: str
    content_hash: str = Field(description="sha256 of the workflow's source, filled in, as it was given.")
    started_ms: int
    finished_ms: int
    replayed: bool | None = Field(None, description="Whether the model was replayed, where that is known.")
    blessed: str | None = Field(None, description="Who blessed it and why, if it is a baseline.")
    cases: tuple[CaseResult, ...]

    @property
    def is_replayed(self) -> bool | None:
        """A replayed model shows what the system does with a model's answers, not how good a model is. None where no
        answer tells: nothing asked a model, or nothing that asked one has ended."""
        if self.replayed is not None:
            return self.replayed
        asked = [trial for case in self.cases for trial in case.trials if trial.completions and trial.executions]
        return any(one.replayed for trial in asked for one in trial.executions) if asked else None

    @model_validator(mode="after")
    def _each_case_once(self) -> Self:
        ids = [case.id for case in self.cases]
        if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            raise ValueError(f"cases {', '.join(twice[:5])} are there twice")
        return self


def write_results(file: Path, evaluation: Evaluation) -> None:
    """One case a line, so that a blessed file shows in a diff which cases changed."""
    head = evaluation.model_dump_json(exclude={"cases"})[:-1]
    lines = ",\n".join(case.model_dump_json(exclude_defaults=True) for case in evaluation.cases)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'{head},"cases":[\n{lines}\n]}}\n', "utf-8")


def read_results(file: Path) -> Evaluation:
    """Raises CommandError."""
    try:
        if (size := file.stat().st_size) > BYTES_MAX:
            raise bad_input(f"{file}: has {size} bytes, at most {BYTES_MAX} are read")
        return Evaluation.model_validate_json(file.read_bytes())
    except OSError as error:
        raise bad_input(f"{file}: cannot be read: {error}") from error
    except ValidationError as error:
        raise bad_input(f"{file}: is not a results file of `hil eval run`: {describe(error)}") from error
