"""Who is at work with what in hand, and taking it from somebody."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from hil_inbox.adapters.queue_store import OWNED_MAX
from hil_inbox.api.bodies import Nothing
from hil_inbox.api.floor import Floor
from hil_inbox.api.principal import Supervisor, Who
from hil_inbox.api.staff_room import StaffRoom
from hil_inbox.domain.people import NAME

ActorPath = Annotated[str, Path(pattern=NAME)]


def agent_routes(floor: Floor, room: StaffRoom) -> APIRouter:
    """Everything under /v1/agents."""
    router = APIRouter(prefix="/v1/agents", tags=["agents"])

    @router.get("")
    async def list_agents(who: Who) -> JSONResponse:
        """Who is there by id, and who is not there but owns something. 503 while Redis is away."""
        roll = await floor.presence.roll(who.tenant)
        in_hand = await floor.rows.in_hand(who.tenant)
        known = {person.actor_id: person for person in await floor.people.of_tenant(who.tenant)}
        shown = []
        for actor_id in sorted(roll.people.keys() | in_hand.keys()):
            present, person = roll.people.get(actor_id), known.get(actor_id)
            shown.append(
                {
                    "actor_id": actor_id,
                    "name": actor_id if person is None else person.name or actor_id,
                    "status": "offline" if present is None else present.status,
                    "since_ms": None if present is None else present.since_ms,
                    "load": len(in_hand.get(actor_id, ())),
                    "capacity": floor.assigner.capacity if person is None else person.capacity,
                    "teams": [] if person is None else list(person.teams),
                    "skills": [] if person is None else list(person.skills),
                }
            )
        return JSONResponse({"agents": shown, "now_ms": roll.now_ms})

    @router.post("/{actor_id}/rehome")
    async def rehome(actor_id: ActorPath, _: Nothing, who: Supervisor) -> JSONResponse:
        """Put back into their queues what this person owns. Asking again does it once: each is released in the epoch in
        which it was seen. `more` says that there were more than one call takes."""
        done, refused = await floor.rehomer.by_supervisor(who.tenant, actor_id, actor_id=who.actor_id)
        await room.note(who, "agent_rehomed", after={"actor_id": actor_id, "rehomed": done})
        return JSONResponse({"rehomed": done, "refused": refused, "more": done + refused >= OWNED_MAX})

    return router
