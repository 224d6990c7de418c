"""API tokens over HTTP, for admins: make one, list them, revoke one."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from hil_inbox.api.answers import missing
from hil_inbox.api.principal import Admin
from hil_inbox.api.staff_room import StaffRoom
from hil_inbox.domain.people import ActorId, Role
from hil_inbox.domain.tokens import LIFETIME_DAYS_MAX, Scopes, Token
from http_gate.secret_text import SECRET_BYTES, hash_of, token_text

DAY_MS = 86_400_000
TokenId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


class NewToken(BaseModel):
    """What a token is for. Without `actor_id` it is a service's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: str = Field(min_length=1, max_length=100)
    actor_id: ActorId | None = None
    role: Role = "agent"
    scopes: Scopes
    days: int = Field(90, ge=1, le=LIFETIME_DAYS_MAX)


def token_routes(room: StaffRoom) -> APIRouter:
    """Everything under /v1/tokens."""
    router = APIRouter(prefix="/v1/tokens", tags=["tokens"])

    @router.get("")
    async def list_tokens(admin: Admin) -> JSONResponse:
        """All that were made, the revoked and expired among them; never a token itself."""
        tokens = await room.tokens.of_tenant(admin.tenant)
        return JSONResponse({"tokens": [token.model_dump(mode="json") for token in tokens]})

    @router.post("", status_code=201)
    async def make_token(body: NewToken, admin: Admin) -> JSONResponse:
        """The answer is the only place where the token is ever shown."""
        if body.actor_id is not None and await room.people.get(admin.tenant, body.actor_id) is None:
            return missing("person", body.actor_id)
        text, token = made(body, tenant=admin.tenant, created_by=admin.actor_id, now_ms=room.now_ms())
        await room.tokens.add(text, token)
        await room.note(admin, "token_created", after=token.model_dump(mode="json"))
        return JSONResponse({"token": text, **token.model_dump(mode="json")}, 201)

    @router.delete("/{token_id}")
    async def revoke_token(token_id: TokenId, admin: Admin) -> JSONResponse:
        """It ends here at once, and on other replicas within two seconds."""
        token = await room.tokens.revoke(admin.tenant, token_id, now_ms=room.now_ms())
        if token is None:
            return missing("token", token_id)
        room.admission.forget_all()
        await room.note(admin, "token_revoked", after={"token_id": token_id, "label": token.label})
        return JSONResponse(token.model_dump(mode="json"))

    return router


def made(wanted: NewToken, *, tenant: str, created_by: str, now_ms: int) -> tuple[str, Token]:
    """A new token: its text, and what is kept of it."""
    text = token_text(secrets.token_bytes(SECRET_BYTES))
    fields = wanted.model_dump(exclude={"days"})
    times = {"created_ms": now_ms, "expires_ms": now_ms + wanted.days * DAY_MS}
    return text, Token(token_id=hash_of(text)[:16], tenant=tenant, created_by=created_by, **fields, **times)
