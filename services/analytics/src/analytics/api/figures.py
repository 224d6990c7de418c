"""Figures over HTTP: summary, workflows, executions of a conversation."""

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from analytics.adapters.figure_store import FigureStore
from analytics.api.access import Analyst, seen_by
from analytics.domain.cells import HOUR_MS, MINUTE_MS
from analytics.domain.conversation_figures import conversation_figures
from analytics.domain.rollup import Settled
from analytics.domain.summary import by_workflow, figures
from document_store import Equal
from document_store.protocol import Condition

HOURS_DEFAULT = 24
ROLLUPS_MAX = 20_000
"""Rollups that one question may add up: a year of days of a hundred workflow versions."""

Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
TenantFilter = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
WorkflowFilter = Annotated[str | None, Query(min_length=1, max_length=128)]
From = Annotated[AwareDatetime | None, Query(alias="from", description="RFC 3339; from the start of this minute.")]
To = Annotated[AwareDatetime | None, Query(description="RFC 3339; up to the end of this minute.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=8_192)]


@dataclass(frozen=True, slots=True)
class Desk:
    """`read_settled` says through which stream sequence everything is counted."""

    store: FigureStore
    read_settled: Callable[[], Awaitable[Settled]]
    now_ms: Callable[[], int]


def figure_routes(desk: Desk) -> APIRouter:
    """Everything under /v1."""
    router = APIRouter(prefix="/v1", tags=["figures"])

    @router.get("/summary")
    async def summary(
        caller: Analyst,
        *,
        workflow: WorkflowFilter = None,
        tenant: TenantFilter = None,
        from_: From = None,
        to: To = None,
    ) -> JSONResponse:
        """Counts, rates, latencies and cost of a period (default: the last 24 hours), in all and by workflow."""
        from_ms, to_ms = period(from_, to, now_ms=desk.now_ms())
        if from_ms >= to_ms:
            return _invalid("from", f"{from_ms} ms is not before to ({to_ms} ms)")
        of_workflow = [] if workflow is None else [Equal("workflow", workflow)]
        return await _summary(desk, [*seen_by(caller, tenant), *of_workflow], from_ms, to_ms)

    @router.get("/workflows")
    async def workflows(
        caller: Analyst, tenant: TenantFilter = None, limit: Limit = 100, cursor: Cursor = None
    ) -> JSONResponse:
        """Workflow versions that ended an execution."""
        page = await desk.store.workflows(seen_by(caller, tenant), limit=limit, cursor=cursor)
        return JSONResponse({"workflows": [doc.body for doc in page.documents], "next_cursor": page.next_cursor})

    router.include_router(_lookup_routes(desk))
    return router


def _lookup_routes(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/executions/{tenant}/{key}")
    async def executions(
        caller: Analyst, tenant: Token, key: Token, *, limit: Limit = 50, cursor: Cursor = None
    ) -> JSONResponse:
        """Executions of a conversation, or the standalone one of this id, in the order of their ends."""
        caller.must_see(tenant)
        settled = await desk.read_settled()
        page = await desk.store.executions(tenant, key, limit=limit, cursor=cursor)
        found = [doc.body for doc in page.documents]
        return JSONResponse({"executions": found, "next_cursor": page.next_cursor, "as_of_seq": settled.floor})

    @router.get("/conversations/{tenant}/{key}")
    async def conversation(caller: Analyst, tenant: Token, key: Token) -> JSONResponse:
        """Who wrote, who waited how long, who handled it, how it ended and what it cost; nothing that was said."""
        caller.must_see(tenant)
        settled = await desk.read_settled()
        found = await desk.store.conversation(tenant, key)
        if found is None:
            return JSONResponse({"error": "not_found", "detail": f"no conversation {tenant}/{key}"}, status_code=404)
        shown = dataclasses.asdict(conversation_figures(found))
        return JSONResponse({"tenant": tenant, "key": key, "as_of_seq": settled.floor, **shown})

    return router


def period(from_: AwareDatetime | None, to: AwareDatetime | None, *, now_ms: int) -> tuple[int, int]:
    """[from, to) in Unix milliseconds, of whole minutes."""
    last_ms = now_ms if to is None else int(to.timestamp() * 1_000)
    to_ms = last_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
    first_ms = last_ms - HOURS_DEFAULT * HOUR_MS if from_ is None else int(from_.timestamp() * 1_000)
    return first_ms // MINUTE_MS * MINUTE_MS, to_ms


async def _summary(desk: Desk, where: Sequence[Condition], from_ms: int, to_ms: int) -> JSONResponse:
    settled = await desk.read_settled()
    executions = desk.store.coarsest("executions", ("tenant", "workflow"))
    rollups = await desk.store.rollups(
        (executions, "messages"), where, from_ms=from_ms, to_ms=to_ms, at_most=ROLLUPS_MAX
    )
    if len(rollups) > ROLLUPS_MAX:
        return _invalid("from", f"the period holds more than {ROLLUPS_MAX} rollups; ask for less, or for one workflow")
    answer = {
        "from_ms": from_ms,
        "to_ms": to_ms,
        "as_of_seq": settled.floor,
        "total": dataclasses.asdict(figures(rollups)),
        "workflows": {name: dataclasses.asdict(found) for name, found in by_workflow(rollups).items()},
    }
    return JSONResponse(answer)


def _invalid(field: str, problem: str) -> JSONResponse:
    body = {"error": "invalid_request", "problems": [{"field": field, "problem": problem}]}
    return JSONResponse(body, status_code=422)
