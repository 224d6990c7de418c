"""For whom does a route answer, and whose rows may it show?

Every route under `/v1` takes a caller, or the service does not start (gate.py):

    @router.get("/slos")
    async def slos(caller: Analyst, tenant: TenantFilter = None) -> JSONResponse:
        rows = await store.find("slos", seen_by(caller, tenant))        # the store's conditions

    @router.get("/slos/{tenant}/{name}")
    async def slo(caller: Analyst, tenant: Token, name: Token) -> JSONResponse:
        caller.must_see(tenant)                                         # else the answer is 403

What changes something for others takes `caller: Admin`."""

from collections.abc import Collection
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from analytics.domain.callers import ROLES, Caller, NotTheirs, Role
from document_store import Equal, OneOf
from document_store.protocol import Condition

_bearer = HTTPBearer(auto_error=False, description="A token (`hil analytics token create`), or a session's cookie.")


class RoleNeeded(Exception):
    """The caller's role may not do this."""

    def __init__(self, caller: Caller, needed: Role) -> None:
        super().__init__(f"this needs a token of role {needed}; yours is of role {caller.role}")
        self.needed = needed


async def current(
    request: Request, needed: SecurityScopes, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """Whom the doorkeeper let in. Raises RoleNeeded; the roles stand in the OpenAPI document, too."""
    caller = request.scope["state"]["caller"]
    assert isinstance(caller, Caller), "the doorkeeper guards every path that is not open"
    for role in ROLES:
        if role in needed.scopes and not caller.may(role):
            raise RoleNeeded(caller, role)
    return caller


Analyst = Annotated[Caller, Security(current, scopes=["analyst"])]
Admin = Annotated[Caller, Security(current, scopes=["admin"])]


def seen_by(caller: Caller, tenant: str | None) -> list[Condition]:
    """Conditions for the store: the tenant asked for, else all of the caller's. Raises NotTheirs."""
    return seen_of(caller.narrowed(frozenset() if tenant is None else frozenset({tenant})))


def seen_of(tenants: Collection[str] | None) -> list[Condition]:
    """Conditions for the store; None is every tenant."""
    if tenants is None:
        return []
    names = sorted(tenants)
    return [Equal("tenant", names[0])] if len(names) == 1 else [OneOf("tenant", names)]


def add_refusals(app: FastAPI) -> None:
    """What somebody gets who asks for more than is theirs."""

    @app.exception_handler(NotTheirs)
    async def not_theirs(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": "forbidden", "detail": str(error)}, status_code=403)

    @app.exception_handler(RoleNeeded)
    async def role_needed(_: Request, error: RoleNeeded) -> JSONResponse:
        body = {"error": "forbidden", "needed_role": error.needed, "detail": str(error)}
        return JSONResponse(body, status_code=403)
