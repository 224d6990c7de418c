"""Handovers over HTTP: the list, and one with its packet."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from hil_inbox.api.answers import missing
from hil_inbox.api.bodies import Cursor, ItemId, Limit, TenantFilter
from hil_inbox.api.office import Office

HandoverState = Literal["open", "claimed", "resolved", "returned"]


def handover_routes(office: Office) -> APIRouter:
    """What is read under /v1/handovers."""
    router = APIRouter(prefix="/v1/handovers", tags=["handovers"])

    @router.get("")
    async def list_handovers(
        state: Annotated[list[HandoverState] | None, Query(max_length=4)] = None,
        tenant: TenantFilter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> JSONResponse:
        """Most urgent first, then oldest first."""
        return await office.listed("handovers", {"state": state, "tenant": tenant}, limit=limit, cursor=cursor)

    @router.get("/{handover_id}")
    async def read_handover(handover_id: ItemId) -> JSONResponse:
        """The handover with its packet."""
        found = await office.views.get("handovers", handover_id)
        if found is None:
            return missing("handover", handover_id)
        packet = await office.views.get("packets", handover_id)
        return JSONResponse({"id": handover_id, **found, "packet": None if packet is None else packet["packet"]})

    return router
