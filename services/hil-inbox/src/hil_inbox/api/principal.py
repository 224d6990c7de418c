"""Who sent this request?"""

from typing import Annotated, cast, get_args

from fastapi import Depends, Request

from hil_inbox.domain.principal import Principal, Role


class Unauthorized(Exception):
    """Nobody known sent this; answered with 401."""


class Forbidden(Exception):
    """The principal may not do this; the text names the role that may. Answered with 403."""


def principal(request: Request) -> Principal:
    """The sender as the headers `Hil-Tenant`, `Hil-Actor` and `Hil-Role` say. Raises Unauthorized."""
    tenant, actor_id = request.headers.get("Hil-Tenant", ""), request.headers.get("Hil-Actor", "")
    role = request.headers.get("Hil-Role", "agent")
    if not tenant or not actor_id or role not in get_args(Role):
        raise Unauthorized("Hil-Tenant, Hil-Actor and Hil-Role (agent, supervisor or admin) say who asks")
    return Principal(tenant, actor_id, actor_id, cast(Role, role))


def supervisor(who: Annotated[Principal, Depends(principal)]) -> Principal:
    """A principal who may act on what others own. Raises Forbidden."""
    if not who.supervises:
        raise Forbidden(f"this needs the role supervisor or admin; {who.actor_id} is {who.role}")
    return who


Who = Annotated[Principal, Depends(principal)]
Supervisor = Annotated[Principal, Depends(supervisor)]
