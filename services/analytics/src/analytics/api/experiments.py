"""Experiments over HTTP: which there are, and what one shows."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from analytics.adapters.experiment_definitions import ExperimentDefinitions
from analytics.api.access import Analyst
from analytics.api.figures import Desk, TenantFilter, Token
from analytics.domain.experiment_history import HistoryPoint
from analytics.domain.judge_experiment import Report
from analytics.handlers.read_experiment import read_experiment
from contracts.experiments import Experiment, ExperimentRefused

TENANTS_MAX = 100

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ListedExperiment(Experiment):
    """An experiment as it was declared, and whether it runs."""

    tenant: str
    state: Literal["running", "stopped"]


class ExperimentList(BaseModel):
    """The newest first."""

    experiments: list[ListedExperiment]


class ExperimentReport(BaseModel):
    """What an experiment shows through message `as_of_seq` of the log. `history` holds the differences of the metrics
    at moments from its start. `is_complete` false: all is counted anew after a change of version, and conversations of
    before are not in yet."""

    model_config = ConfigDict(frozen=True)
    experiment: ListedExperiment
    report: Report
    history: list[HistoryPoint]
    as_of_seq: int
    is_complete: bool


def experiment_routes(definitions: ExperimentDefinitions, desk: Desk) -> APIRouter:
    """Everything under /v1/experiments."""
    router = APIRouter(prefix="/v1/experiments", tags=["experiments"])

    @router.get("")
    async def experiments(
        caller: Analyst, tenant: TenantFilter = None, limit: Annotated[int, Query(ge=1, le=200)] = 100
    ) -> ExperimentList:
        """Experiments of a tenant, or of the first 100 of the caller's tenants that have any."""
        seen = caller.narrowed(frozenset() if tenant is None else frozenset({tenant}))
        tenants = await definitions.tenants() if seen is None or len(seen) > 1 else sorted(seen)
        tenants = [one for one in tenants if seen is None or one in seen][:TENANTS_MAX]
        found = [_listed(one, each) for one in tenants for each in (await definitions.of(one)).experiments]
        found.sort(key=lambda each: each.started_ms, reverse=True)
        return ExperimentList(experiments=found[:limit])

    @router.get(
        "/{tenant}/{name}",
        response_model=ExperimentReport,
        responses={404: {"description": "The tenant has no experiment of this name."}},
    )
    async def experiment(caller: Analyst, tenant: Token, name: Name) -> ExperimentReport | JSONResponse:
        """Arms, sample ratio, differences with intervals that hold at every look, guardrails, and the verdict."""
        caller.must_see(tenant)
        try:
            found = (await definitions.of(tenant)).named(name)
        except ExperimentRefused as error:
            return JSONResponse({"error": "not_found", "detail": str(error)}, status_code=404)
        settled = await desk.read_settled()
        judged = await read_experiment(desk.store, tenant, found, now_ms=desk.now_ms())
        return ExperimentReport(
            experiment=_listed(tenant, found),
            report=judged.report,
            history=judged.history,
            as_of_seq=settled.floor,
            is_complete=desk.store.is_complete,
        )

    return router


def _listed(tenant: str, experiment: Experiment) -> ListedExperiment:
    state = "running" if experiment.stopped_ms is None else "stopped"
    return ListedExperiment(tenant=tenant, state=state, **dict(experiment))
