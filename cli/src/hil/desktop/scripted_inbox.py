"""How does an inbox behave that follows a script: what it tells, what it refuses, and when it breaks off?"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from hil.desktop.rules import Broken
from hil.desktop.scripted_commands import ScriptedCommands
from hil.desktop.story import TENANT, Story

TOKEN = "hil_conformance"  # noqa: S105 - opens nothing
ACTOR = "ada"
PAGE_ROWS = 4


@dataclass(slots=True)
class ScriptedInbox:
    """The API of the inbox, as far as a desktop needs it, on a story. `position` is through what the feed has told."""

    story: Story
    position: int = 0
    ahead: int = 0
    """What later pages of a snapshot show: a snapshot is read while things go on."""
    is_down: bool = False
    needs_snapshot: bool = False
    broken: list[Broken] = field(default_factory=list)
    snapshots: int = 0
    """How many were read to their last page."""
    cursors: list[int | None] = field(default_factory=list)
    """With which cursor the feed was asked for, each time; None: with none."""
    refused_feeds: int = 0
    commands: ScriptedCommands = field(init=False)
    _feed: web.StreamResponse | None = None
    _request: web.Request | None = None
    _told_through: int = 0
    """The cursor with which the desktop came: what is not behind it is not told."""
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.commands = ScriptedCommands(self.story, ACTOR, self.broken, lambda: self.position)

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[self._known])
        app.router.add_get("/v1/queue", self._queue)
        app.router.add_get("/v1/feed", self._follow)
        app.router.add_get("/v1/handovers/{id}", self._handover)
        app.router.add_get("/v1/conversations/{tenant}/{key}", self._conversation)
        app.router.add_post("/v1/handovers/{id}/replies/{message_id}/undo", self.commands.undo)
        app.router.add_post("/v1/handovers/{id}/{verb}", self.commands.settle)
        return app

    async def send(self, frame: bytes) -> None:
        """One frame, or a piece of one, to the desktop that follows."""
        with suppress(ConnectionError):  # It may have left; then it comes back and gets what it asks for.
            if self._feed is not None:
                await self._feed.write(frame)

    async def tell(self, through: int) -> None:
        """Go on with the story up to this sequence."""
        for change in self.story.between(self.position, through):
            self.position = change.seq
            if change.seq > self._told_through:
                await self.send(change.frame)

    async def cut(self) -> None:
        """Break the connection of who follows, as a network does: in the middle of the answer."""
        transport = None if self._request is None else self._request.transport
        if transport is not None:
            transport.close()  # What was written goes out before.
        self.end()

    def end(self) -> None:
        """End the answer of who follows, as a server does that is stopped."""
        self._feed, self._request = None, None
        self._ended.set()

    @property
    def is_connected(self) -> bool:
        """Whether the desktop follows."""
        return self._feed is not None

    @web.middleware
    async def _known(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        said = request.headers.get("Authorization"), request.headers.get("Hil-Actor")
        if said != (f"Bearer {TOKEN}", ACTOR):
            text = f"{request.method} {request.path} came with Authorization and Hil-Actor {said[1]!r}"
            self.note(Broken("token", text))
            return web.json_response({"error": "unauthorized", "detail": "send the token"}, status=401)
        return await handler(request)

    def note(self, broken: Broken) -> None:
        """A rule was broken; said once."""
        if broken not in self.broken:
            self.broken.append(broken)

    async def _queue(self, request: web.Request) -> web.Response:
        cursor = request.query.get("cursor", "")
        through = self.ahead if cursor else self.position
        self.needs_snapshot = self.needs_snapshot and bool(cursor)
        states = request.query.getall("state", [])
        rows = [row for id_, row in sorted(self.story.rows(through).items()) if id_ > cursor]
        rows = [row for row in rows if not states or row["state"] in states]
        page, rest = rows[:PAGE_ROWS], rows[PAGE_ROWS:]
        if not rest:
            self.snapshots += 1
        next_cursor = str(page[-1]["id"]) if rest else None
        return web.json_response({"rows": page, "next_cursor": next_cursor, "as_of_seq": through})

    async def _handover(self, request: web.Request) -> web.Response:
        row = self.story.rows(self.position).get(request.match_info["id"])
        if row is None:
            return web.json_response({"error": "not_found", "detail": "no such handover"}, status=404)
        return web.json_response({**row, "row": row, "packet": None, "etag": f'"e{row["epoch"]}"'})

    async def _conversation(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        body = self.story.conversation(key, self.position)
        if body is None or request.match_info["tenant"] != TENANT:
            return web.json_response({"error": "not_found", "detail": "no such conversation"}, status=404)
        lines = self.story.lines(key, self.position)
        if request.query.get("newest_first", "").lower() in ("1", "true"):
            lines = lines[::-1]
        start = int(request.query.get("cursor") or 0)
        end = start + int(request.query.get("limit") or 50)
        more = {"transcript": lines[start:end], "next_cursor": str(end) if lines[end:] else None, "suggestions": []}
        return web.json_response({**body, **more, "etag": f'"e{body["epoch"]}"'})

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        if self.is_down:
            self.refused_feeds += 1
            return web.json_response(
                {"error": "unavailable", "detail": "down"}, status=503, headers={"Retry-After": "0"}
            )
        asked = request.headers.get("Last-Event-ID") or request.query.get("after")
        cursor = int(asked) if asked and asked.isdigit() else None
        self.cursors.append(cursor)
        if self.needs_snapshot:
            self.note(Broken("reset", f"the feed was asked for after {asked} and no snapshot was read since `reset`"))
            self.needs_snapshot = False
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        self._told_through = start = self.position if cursor is None else cursor
        await response.write(b"".join(change.frame for change in self.story.between(start, self.position)))
        self.end()  # Of two connections the newer one counts.
        self._ended = ended = asyncio.Event()
        self._feed, self._request = response, request
        await ended.wait()
        return response

    async def beat(self) -> None:
        """Tell that nothing more has happened."""
        await self.send(
            b"event: heartbeat\ndata: " + json.dumps({"seq": self.position, "now_ms": 1}).encode() + b"\n\n"
        )
