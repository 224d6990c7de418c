"""Me at work: am I there, may I be given something, how much have I in hand?"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from hil_inbox.adapters.presence import Beat, Full
from hil_inbox.api.bodies import Nothing
from hil_inbox.api.floor import Floor
from hil_inbox.api.principal import Who, csrf_of
from hil_inbox.domain.assignment import Status
from hil_inbox.domain.principal import Principal
from service_kit.errors import RetryLater


class StatusBody(Nothing):
    """`busy` and `away` people keep what they have and are given nothing."""

    status: Status


def me_routes(floor: Floor) -> APIRouter:
    """/v1/me itself, its status and its sign of life."""
    router = APIRouter(prefix="/v1/me", tags=["me"])

    @router.get("")
    async def me(who: Who, request: Request) -> JSONResponse:
        """Who I am. `status` is `offline` without a lease, and `unknown` while Redis is away."""
        person = await floor.people.get(who.tenant, who.actor_id)
        shown = {
            "actor_id": who.actor_id,
            "name": who.name,
            "role": who.role,
            "tenant": who.tenant,
            "teams": sorted(who.teams),
            "skills": sorted(who.skills),
            "capacity": floor.assigner.capacity if person is None else person.capacity,
            "load": await floor.rows.load_of(who.tenant, who.actor_id),
            "status": await _status(floor, who),
            "lease_seconds": floor.presence.lease_seconds,
            "csrf_token": csrf_of(request),
        }
        return JSONResponse(shown)

    @router.put("/status")
    async def set_status(body: StatusBody, who: Who) -> JSONResponse:
        """Say what I am; that is a sign of life, too."""
        return await _heard(floor, who, body.status)

    @router.post("/heartbeat")
    async def heartbeat(_: Nothing, who: Who) -> JSONResponse:
        """I am there. Several tabs and devices of one person renew the same lease."""
        return await _heard(floor, who, None)

    return router


async def _heard(floor: Floor, who: Principal, status: Status | None) -> JSONResponse:
    try:
        beat: Beat = await floor.presence.beat(who.tenant, who.actor_id, status)
    except Full as full:
        body = {"error": "too_many_people", "detail": str(full)}
        return JSONResponse(body, status_code=503, headers={"Retry-After": "30"})
    if beat.changed:
        await floor.tell(who.tenant, who.actor_id, beat.status)
    shown = {"status": beat.status, "since_ms": beat.since_ms, "now_ms": beat.now_ms}
    return JSONResponse({**shown, "lease_seconds": floor.presence.lease_seconds})


async def _status(floor: Floor, who: Principal) -> str:
    try:
        roll = await floor.presence.roll(who.tenant)
    except RetryLater:
        return "unknown"
    present = roll.people.get(who.actor_id)
    return "offline" if present is None else present.status
