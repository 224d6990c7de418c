"""Handovers over HTTP: the list, and one with its packet."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from hil_inbox.api.answers import missing
from hil_inbox.api.bodies import Cursor, ItemId, Limit
from hil_inbox.api.etags import etag_of_epoch
from hil_inbox.api.office import Office
from hil_inbox.api.principal import Who

HandoverState = Literal["open", "claimed", "resolved", "returned"]


def handover_routes(office: Office) -> APIRouter:
    """What is read under /v1/handovers."""
    router = APIRouter(prefix="/v1/handovers", tags=["handovers"])

    @router.get("")
    async def list_handovers(
        who: Who,
        state: Annotated[list[HandoverState] | None, Query(max_length=4)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> JSONResponse:
        """Most urgent first, then oldest first."""
        return await office.listed(who, "handovers", {"state": state}, limit=limit, cursor=cursor)

    @router.get("/{handover_id}")
    async def read_handover(handover_id: ItemId, who: Who) -> JSONResponse:
        """The handover with its row in the queue and its packet."""
        found = await office.own(who, "handovers", handover_id)
        if found is None:
            return missing("handover", handover_id)
        row = await office.own(who, "queue", handover_id)
        packet = await office.views.get("packets", handover_id)
        whole = {**found, "row": row, "packet": None if packet is None else packet["packet"]}
        return JSONResponse({"id": handover_id, "etag": etag_of_epoch(found["epoch"]), **whole})

    return router
