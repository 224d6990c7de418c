"""Typing and viewing over HTTP: told to everybody who follows the feed, and kept nowhere."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import JsonValue

from hil_inbox.api.answers import missing
from hil_inbox.api.bodies import Token
from hil_inbox.api.principal import Who
from hil_inbox.domain.live_state import HOLDS_MS
from hil_inbox.domain.principal import Principal


class Tell(Protocol):
    """Tells every replica."""

    async def __call__(self, kind: str, tenant: str, about: str, *, body: Mapping[str, JsonValue]) -> None: ...


_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "Of another tenant."}}


def live_routes(tell: Tell, now_ms: Callable[[], int]) -> APIRouter:
    """What a person does in a conversation at this moment; holds for 10 s, so a client repeats it every 5."""
    router = APIRouter(prefix="/v1/conversations", tags=["conversations"])

    async def told(kind: str, who: Principal, *, tenant: str, key: str) -> Response:
        if tenant != who.tenant:
            return missing("conversation", f"{tenant}/{key}")
        now = now_ms()
        body: dict[str, JsonValue] = {
            "key": key,
            "actor_id": who.actor_id,
            "name": who.name,
            "at_ms": now,
            "until_ms": now + HOLDS_MS[kind],
        }
        await tell(kind, tenant, key, body=body)
        return Response(status_code=204)

    @router.post("/{tenant}/{key}/typing", status_code=204, response_class=Response, responses=_NOT_FOUND)
    async def typing(tenant: Token, key: Token, who: Who) -> Response:
        """This person is writing a reply."""
        return await told("typing", who, tenant=tenant, key=key)

    @router.post("/{tenant}/{key}/viewing", status_code=204, response_class=Response, responses=_NOT_FOUND)
    async def viewing(tenant: Token, key: Token, who: Who) -> Response:
        """This person has the conversation before them."""
        return await told("viewing", who, tenant=tenant, key=key)

    return router
