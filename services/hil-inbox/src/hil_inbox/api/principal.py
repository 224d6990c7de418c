"""Which principal does a route act for, and what must it be allowed?"""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from hil_inbox.domain.people import ROLES, Role
from hil_inbox.domain.principal import SCOPE_OF_ROLE, Principal

_bearer = HTTPBearer(auto_error=False, description="An API token, or a session's cookie and X-CSRF-Token.")


class Forbidden(Exception):
    """The principal may not do this; `needed` is the role that may."""

    def __init__(self, principal: Principal, needed: Role) -> None:
        super().__init__(f"this needs role {needed} and scope {SCOPE_OF_ROLE[needed]}; you are {principal.role}")
        self.principal = principal
        self.needed = needed


async def current(
    request: Request, needed: SecurityScopes, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """Whom the doorkeeper let in. Raises Forbidden unless they may what the roles may that the route needs; those stand
    in the OpenAPI document, too."""
    principal = request.scope["state"]["principal"]
    assert isinstance(principal, Principal), "the doorkeeper guards every path that is not open"
    assert set(needed.scopes) <= set(ROLES), needed.scopes
    for role in ROLES:
        if role in needed.scopes and not principal.may(role):
            raise Forbidden(principal, role)
    return principal


def csrf_of(request: Request) -> str | None:
    """The CSRF token of the session that this request belongs to; None for a token's request."""
    found: str | None = request.scope["state"].get("csrf")
    return found


Who = Annotated[Principal, Depends(current)]
Supervisor = Annotated[Principal, Security(current, scopes=["supervisor"])]
Admin = Annotated[Principal, Security(current, scopes=["admin"])]
