"""The feed over HTTP: every change in the order of the log, resumed where a client left it."""

from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, Response

from hil_inbox.api.principal import Who
from hil_inbox.domain.feed_frames import reset
from hil_inbox.handlers.follow_feed import RESETS, Feed, TooMany
from service_kit.event_stream import EventStream

REACH_SECONDS = 10.0
"""How long a client is held while the pass comes to its cursor: after a start it reads 10,000 messages first."""
SEQUENCE_MAX = 2**53
After = Annotated[
    int | None, Query(ge=0, le=SEQUENCE_MAX, description="Stream sequence: what is behind it is told. Default: now.")
]
LastEventId = Annotated[
    str | None,
    Header(pattern=r"^[0-9]{1,16}$", description="As `after`, and before it: browsers send it when they reconnect."),
]


def feed_routes(feed: Feed) -> APIRouter:
    """/v1/feed."""
    router = APIRouter(prefix="/v1", tags=["feed"])

    @router.get(
        "/feed",
        status_code=200,
        response_class=EventStream,
        responses={429: {"description": "Too many streams are open."}, 503: {"description": "Not caught up yet."}},
    )
    async def follow(who: Who, after: After = None, last_event_id: LastEventId = None) -> Response:
        """Server-sent events: `change` with the sequence as its id, and without id `heartbeat`, `presence`, `typing`,
        `viewing`, and `reset`, after which the client fetches a snapshot anew."""
        with ExitStack() as stack:
            try:
                stack.enter_context(feed.place(who.tenant, who.actor_id))
            except TooMany as error:
                body = {"error": "too_many_streams", "detail": str(error)}
                return JSONResponse(body, status_code=429, headers={"Retry-After": "5"})
            cursor = after if last_event_id is None else int(last_event_id)
            outcome, sequence = await feed.fan_out.reach(cursor, timeout_seconds=REACH_SECONDS)
            if outcome == "late":
                body = {"error": "unavailable", "detail": f"the feed has come to {sequence}, not yet to {cursor}"}
                return JSONResponse(body, status_code=503, headers={"Retry-After": "1"})
            if outcome != "held":
                RESETS.labels(outcome).inc()
                return Response(reset(outcome, sequence), media_type="text/event-stream")
            return EventStream(feed.frames(who.tenant, sequence), stack.pop_all())

    return router
