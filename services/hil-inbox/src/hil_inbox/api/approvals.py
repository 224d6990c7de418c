"""Approvals over HTTP: list, read, decide."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from contracts.handovers import DecideApproval
from hil_inbox.api.answers import answered, missing
from hil_inbox.api.bodies import Cursor, IdempotencyKey, ItemId, Limit, TenantFilter, VerdictBody
from hil_inbox.api.office import Office

ApprovalState = Literal["pending", "decided", "closed"]


def approval_routes(office: Office) -> APIRouter:
    """Everything under /v1/approvals, and the notices of trouble."""
    router = APIRouter(prefix="/v1", tags=["approvals"])

    @router.get("/approvals")
    async def list_approvals(
        state: Annotated[list[ApprovalState] | None, Query(max_length=3)] = None,
        tenant: TenantFilter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> JSONResponse:
        """Most urgent first, then those that expire first."""
        return await office.listed("approvals", {"state": state, "tenant": tenant}, limit=limit, cursor=cursor)

    @router.get("/approvals/{approval_id}")
    async def read_approval(approval_id: ItemId) -> JSONResponse:
        found = await office.views.get("approvals", approval_id)
        return missing("approval", approval_id) if found is None else JSONResponse({"id": approval_id, **found})

    @router.post("/approvals/{approval_id}/decide")
    async def decide(approval_id: ItemId, body: VerdictBody, idempotency_key: IdempotencyKey) -> JSONResponse:
        """A verdict counts once; the second decider gets 409 and who was first."""
        found = await office.views.get("approvals", approval_id)
        if found is None:
            return missing("approval", approval_id)
        fields = body.model_dump() | {"command_id": idempotency_key, "approval_id": approval_id}
        command = DecideApproval.model_validate(fields)
        return answered(await office.settle(str(found["tenant"]), str(found["key"]), command))

    @router.get("/notices")
    async def list_notices(tenant: TenantFilter = None, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
        """Refusals, spent budgets and failure patterns, newest first."""
        return await office.listed("notices", {"tenant": tenant}, limit=limit, cursor=cursor)

    return router
