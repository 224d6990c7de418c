"""Trials and evaluations as tests want them."""

from collections.abc import Mapping, Sequence

from hil.eval.results import CaseResult, Evaluation, Execution, Failure, Kind, Trial


def trial(
    *,
    fails: Kind | None = None,
    sink: str = "FINISH",
    success: bool = True,
    cost: int = 10_000,
    latency_ms: int = 1_000,
    rating: int | None = None,
) -> Trial:
    """A trial of one execution that passed, unless something `fails`."""
    execution = Execution.model_validate(
        {"sink": sink, "success": success, "cost_microdollars": cost, "latency_ms": latency_ms}
        | ({"reason": "policy"} if sink == "HANDOVER" else {})
    )
    failures = () if fails is None else (Failure(kind=fails, detail=f"the {fails} is wrong"),)
    return Trial(key="k", failures=failures, executions=(execution,), rating=rating)


def evaluation(cases: Mapping[str, Sequence[Trial]], **fields: object) -> Evaluation:
    """An evaluation of these trials by case."""
    return Evaluation.model_validate(
        {
            "id": "s-1",
            "suite": "s",
            "suite_hash": "a",
            "workflow": "w",
            "version": "1",
            "content_hash": "b",
            "started_ms": 1,
            "finished_ms": 2,
            "cases": [CaseResult(id=name, trials=tuple(trials)) for name, trials in cases.items()],
            **fields,
        }
    )
