"""What do customers reach, on a port of its own?"""

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from hil_inbox.api.answers import add_error_answers
from hil_inbox.api.chat import chat_routes
from hil_inbox.api.chat_feed import chat_feed_routes
from hil_inbox.api.chat_office import CHAT_BODY_BYTES_MAX, ChatOffice, add_chat_refusals
from hil_inbox.api.chat_page import chat_page_routes
from hil_inbox.api.chat_sessions import chat_session_routes
from http_gate.body_limit import BodyLimit
from service_kit.health import add_liveness


def chat_app(office: ChatOffice, origins: Sequence[str]) -> FastAPI:
    """The chat's API and page. `origins` are those of pages that may embed the one and call the other."""
    app = FastAPI(title="hil-inbox chat", version="1", docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit, bytes_max=CHAT_BODY_BYTES_MAX)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
        expose_headers=["Retry-After"],
    )
    add_error_answers(app)
    add_chat_refusals(app)
    add_liveness(app)
    for router in (
        chat_session_routes(office),
        chat_routes(office),
        chat_feed_routes(office),
        chat_page_routes(origins),
    ):
        app.include_router(router)
    return app
