"""The audit over HTTP, for supervisors: who did what, when, and what was before and after?"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from hil_inbox.api.bodies import Cursor, Limit
from hil_inbox.api.principal import Supervisor
from hil_inbox.api.staff_room import StaffRoom
from hil_inbox.domain.people import NAME


def audit_routes(room: StaffRoom) -> APIRouter:
    """Everything under /v1/audit."""
    router = APIRouter(prefix="/v1/audit", tags=["audit"])

    @router.get("")
    async def read_audit(
        supervisor: Supervisor,
        *,
        actor: Annotated[str | None, Query(pattern=NAME)] = None,
        key: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,128}$")] = None,
        since: Annotated[int, Query(ge=0, le=2**53, description="Milliseconds since 1970.")] = 0,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> JSONResponse:
        """Facts by people, logins, denials and what admins did, newest first."""
        asked = {"actor_id": actor, "key": key}
        where = {field: value for field, value in asked.items() if value is not None}
        page = await room.audit.find(supervisor.tenant, where, since_ms=since, limit=limit, cursor=cursor)
        entries = [{"id": document.id, **document.body} for document in page.documents]
        return JSONResponse({"audit": entries, "next_cursor": page.next_cursor})

    return router
