"""How does analytics learn of an evaluation?"""

from contracts.envelope import Identity, derive_message_id
from contracts.evaluations import FINDINGS_MAX, EvaluationFigures, EvaluationFinished
from hil.eval.figures import figures_of, name_of_pass
from hil.eval.gate import Decision
from hil.eval.results import Evaluation
from service_kit.bus import publish
from service_kit.connection import Connection


async def publish_evaluation(
    connection: Connection,
    evaluation: Evaluation,
    decision: Decision | None = None,
    *,
    tenant: str,
    baseline: str | None = None,
) -> int:
    """Its stream sequence. The same evaluation with the same verdict is one event, however often it is published."""
    message = finished_event(evaluation, decision, baseline=baseline)
    id_ = derive_message_id(f"{tenant}/{evaluation.id}", f"{message.verdict}/{message.baseline}")
    return await publish(connection, message, Identity(tenant, evaluation.id, id_, evaluation.id))


def finished_event(
    evaluation: Evaluation, decision: Decision | None = None, *, baseline: str | None = None
) -> EvaluationFinished:
    """The figures, and the verdict where a gate has judged."""
    figures = figures_of([case.trials for case in evaluation.cases])
    passes = [figures[name_of_pass(k)] for k in range(1, 101) if name_of_pass(k) in figures]
    findings = [] if decision is None else [one.text[:1_000] for one in (*decision.regressions, *decision.unproven)]
    return EvaluationFinished(
        suite=evaluation.suite[:128],
        suite_hash=evaluation.suite_hash,
        workflow=evaluation.workflow,
        version=evaluation.version,
        content_hash=evaluation.content_hash,
        replayed=bool(evaluation.is_replayed),
        cases=len(evaluation.cases),
        trials=sum(len(case.trials) for case in evaluation.cases),
        started_ms=evaluation.started_ms,
        finished_ms=evaluation.finished_ms,
        figures=EvaluationFigures.model_validate(
            {**figures, "pass_k": tuple(share for share in passes if share is not None)}
        ),
        verdict="not_judged" if decision is None else decision.verdict.value,
        baseline=baseline,
        findings=tuple(findings[:FINDINGS_MAX]),
    )
