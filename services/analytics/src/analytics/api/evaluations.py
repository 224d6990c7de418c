"""The history of evaluations over HTTP: how did which version do on which suite, and was it let pass?"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from analytics.adapters.evaluation_store import EvaluationStore
from analytics.api.access import Analyst, seen_by
from analytics.api.figures import Cursor, Limit, TenantFilter, WorkflowFilter
from document_store import Equal

SuiteFilter = Annotated[str | None, Query(min_length=1, max_length=128)]


def evaluation_routes(evaluations: EvaluationStore) -> APIRouter:
    """/v1/evaluations."""
    router = APIRouter(prefix="/v1", tags=["evaluations"])

    @router.get("/evaluations")
    async def history(
        caller: Analyst,
        *,
        tenant: TenantFilter = None,
        workflow: WorkflowFilter = None,
        suite: SuiteFilter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> JSONResponse:
        """Each time that an evaluation was played (`not_judged`) or judged by a gate, the last first."""
        asked = {"workflow": workflow, "suite": suite}
        named = [Equal(name, value) for name, value in asked.items() if value is not None]
        page = await evaluations.newest([*seen_by(caller, tenant), *named], limit=limit, cursor=cursor)
        found = [document.body for document in page.documents]
        return JSONResponse({"evaluations": found, "next_cursor": page.next_cursor})

    return router
