"""Which principal does a route act for, and what must it be allowed?"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from hil_inbox.domain.people import Role
from hil_inbox.domain.principal import SCOPE_OF_ROLE, Principal

_bearer = HTTPBearer(auto_error=False, description="An API token, or a session's cookie and X-CSRF-Token.")


class Forbidden(Exception):
    """The principal may not do this; `needed` is the role that may."""

    def __init__(self, principal: Principal, needed: Role) -> None:
        super().__init__(f"this needs role {needed} and scope {SCOPE_OF_ROLE[needed]}; you are {principal.role}")
        self.principal = principal
        self.needed = needed


async def current(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Principal:
    """Whom the doorkeeper let in."""
    principal = request.scope["state"]["principal"]
    assert isinstance(principal, Principal), "the doorkeeper guards every path that is not open"
    return principal


def csrf_of(request: Request) -> str | None:
    """The CSRF token of the session that this request belongs to; None for a token's request."""
    found: str | None = request.scope["state"].get("csrf")
    return found


def needs(role: Role) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency that raises Forbidden unless the principal may what this role may."""

    async def check(principal: Annotated[Principal, Depends(current)]) -> Principal:
        if not principal.may(role):
            raise Forbidden(principal, role)
        return principal

    return check


Who = Annotated[Principal, Depends(current)]
Supervisor = Annotated[Principal, Depends(needs("supervisor"))]
Admin = Annotated[Principal, Depends(needs("admin"))]
