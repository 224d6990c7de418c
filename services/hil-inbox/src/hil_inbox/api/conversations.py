"""Conversations over HTTP: the transcript, and taking over from the AI."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from contracts.handovers import ClaimHandover
from hil_inbox.api.answers import answered, missing
from hil_inbox.api.bodies import Actor, Cursor, IdempotencyKey, Limit, Token
from hil_inbox.api.office import Office


def conversation_routes(office: Office) -> APIRouter:
    """Everything under /v1/conversations."""
    router = APIRouter(prefix="/v1/conversations", tags=["conversations"])

    @router.get("/{tenant}/{key}")
    async def read_conversation(tenant: Token, key: Token, limit: Limit = 100, cursor: Cursor = None) -> JSONResponse:
        """Who speaks now, and a page of the transcript, oldest first; complete through the `as_of_seq`."""
        conversation = await office.views.get("conversations", f"{tenant}/{key}")
        if conversation is None:
            return missing("conversation", f"{tenant}/{key}")
        page = await office.views.find("transcript", {"tenant": tenant, "key": key}, limit=limit, cursor=cursor)
        lines = [document.body for document in page.documents]
        return JSONResponse({**conversation, "transcript": lines, "next_cursor": page.next_cursor})

    @router.post("/{tenant}/{key}/claim")
    async def take_over(tenant: Token, key: Token, body: Actor, idempotency_key: IdempotencyKey) -> JSONResponse:
        """Claim the conversation, with or without an open handover."""
        command = ClaimHandover.model_validate(body.model_dump() | {"command_id": idempotency_key})
        return answered(await office.settle(tenant, key, command))

    return router
