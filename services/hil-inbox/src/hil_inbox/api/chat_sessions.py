"""Who gets a session of the customers' chat?"""

import time

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from hil_inbox.adapters.customer_tokens import Session, TokenRefused, is_session
from hil_inbox.api.chat_office import ChatOffice, ChatRefused, bearer


def chat_session_routes(office: ChatOffice) -> APIRouter:
    """Where every chat begins."""
    router = APIRouter(prefix="/v1/chat", tags=["chat"])

    @router.post("/sessions", status_code=201)
    async def start(request: Request) -> JSONResponse:
        """A session: for a customer's token, for an anonymous session token that is renewed, or for a stranger."""
        office.limit(office.rates.sessions, office.address(request), "sessions of one address")
        session = started(office, bearer(request))
        body = {
            "session_token": office.tokens.sign(session),
            "expires_s": session.exp,
            "tenant": session.tenant,
            "conversation": session.key,
            "name": session.name,
        }
        return JSONResponse(body, status_code=201, headers={"Cache-Control": "no-store"})

    return router


def started(office: ChatOffice, token: str | None) -> Session:
    """The session that a caller with this token gets. Raises ChatRefused."""
    now_s = int(time.time())
    if token is None:
        if not office.lets_strangers_in:
            raise ChatRefused(401, "no_token", "anonymous sessions are switched off; send a signed customer token")
        return office.tokens.stranger(now_s=now_s)
    try:
        if is_session(token):
            return office.tokens.renewed(office.tokens.session(token, now_s=now_s), now_s=now_s)
        return office.tokens.known(token, now_s=now_s)
    except TokenRefused as refused:
        raise ChatRefused(401, "invalid_token", f"the token: {refused}") from refused
