"""People over HTTP, for admins: who there is, what they may and can, and a way in for them."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from hil_inbox.api.answers import missing
from hil_inbox.api.principal import Admin
from hil_inbox.api.staff_room import StaffRoom
from hil_inbox.domain.people import NAME, Person, Role, Words
from hil_inbox.domain.sessions import CODE_MINUTES
from hil_inbox.handlers.front_desk import CODE

PersonId = Annotated[str, Path(pattern=NAME)]


class PersonBody(BaseModel):
    """All that an admin says of a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field("", max_length=200)
    email: str = Field("", max_length=320)
    role: Role = "agent"
    teams: Words = ()
    skills: Words = ()
    queues: Words = ()
    languages: Words = ()
    capacity: int = Field(5, ge=0, le=1_000)
    disabled: bool = False


def people_routes(room: StaffRoom) -> APIRouter:
    """Everything under /v1/people."""
    router = APIRouter(prefix="/v1/people", tags=["people"])

    @router.get("")
    async def list_people(admin: Admin) -> JSONResponse:
        """Everybody of the tenant, by id."""
        people = await room.people.of_tenant(admin.tenant)
        return JSONResponse({"people": [person.model_dump(mode="json") for person in people]})

    @router.put("/{actor_id}")
    async def put_person(actor_id: PersonId, body: PersonBody, admin: Admin) -> JSONResponse:
        """Add or change a person. One who is disabled is out within seconds."""
        if actor_id == admin.actor_id and (body.disabled or body.role != "admin"):
            detail = "nobody takes their own admin role away: another admin must do it"
            return JSONResponse({"error": "own_role", "detail": detail}, 409)
        before = await room.people.get(admin.tenant, actor_id)
        identity = "" if before is None else before.identity
        person = Person(tenant=admin.tenant, actor_id=actor_id, identity=identity, **body.model_dump())
        await room.people.put(person)
        if person.disabled:
            await room.sessions.end_all(admin.tenant, actor_id)
        room.admission.forget_all()
        was = None if before is None else before.model_dump(mode="json")
        await room.note(admin, "person_changed", before=was, after=person.model_dump(mode="json"))
        return JSONResponse(person.model_dump(mode="json"))

    @router.post("/{actor_id}/first-login", status_code=201)
    async def first_login(actor_id: PersonId, admin: Admin) -> JSONResponse:
        """A one-time code for a person, for `/auth/first?code=…`; shown once."""
        person = await room.people.get(admin.tenant, actor_id)
        if person is None:
            return missing("person", actor_id)
        code, expires_ms = secrets.token_urlsafe(32), room.now_ms() + CODE_MINUTES * 60_000
        await room.one_time.add(code, CODE, {"tenant": admin.tenant, "actor_id": actor_id}, expires_ms=expires_ms)
        await room.note(admin, "first_login_made", after={"actor_id": actor_id})
        return JSONResponse({"code": code, "path": f"/auth/first?code={code}", "expires_ms": expires_ms}, 201)

    return router
