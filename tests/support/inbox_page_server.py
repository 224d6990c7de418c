"""What does the page talk to in its own tests and in its bench? The page's routes and a small API in memory.

It answers in the shapes of the public API and decides as little as it can: tests of who wins, what is sent and what is
refused run on the real system (tests/browser/test_real_system.py).
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from hil_inbox.page.routes import page_routes
from tests.support.inbox_page_rows import (
    HOSTILE,
    Row,
    approval,
    approval_row,
    handover_row,
    line,
    packet,
    transcript,
)

Rows = tuple[Row, ...]
DRAFT = "The refund goes to your card today."
CANNED = [
    {"code": "sorry", "label": "Sorry", "text": "I am sorry for the trouble. I look into it now."},
    {"code": "refund", "label": "Refund", "text": "The money is on its way; it takes three days."},
    {"code": "hostile", "label": HOSTILE, "text": HOSTILE},
]


@dataclass
class PageServer:
    """The state that a test sets up and looks at."""

    handovers: int = 24
    approvals: int = 3
    role: str = "supervisor"
    rows: dict[str, Row] = field(default_factory=dict)
    lines: dict[str, list[Row]] = field(default_factory=dict)
    approvals_by_id: dict[str, Row] = field(default_factory=dict)
    history: list[Row] = field(default_factory=list)
    commands: list[tuple[str, Row]] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    streams: int = 0
    refusals: dict[str, tuple[int, Row]] = field(default_factory=dict)
    queues_stopped: set[str] = field(default_factory=set)
    seq: int = 100
    port: int = 0
    feed_open: bool = True
    heartbeat_seconds: float = 2.0
    status: str = "online"
    agents_online: bool = True
    remark: str = HOSTILE

    def __post_init__(self) -> None:
        now_ms = self.now_ms()
        for number in range(self.handovers):
            self.rows[f"h{number}"] = handover_row(number, now_ms)
        for number in range(self.approvals):
            row = approval_row(number, now_ms)
            self.rows[row["id"]] = row
            self.approvals_by_id[row["id"]] = approval(row, now_ms)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @staticmethod
    def now_ms() -> int:
        return time.time_ns() // 1_000_000

    def lines_of(self, key: str) -> list[Row]:
        return self.lines.setdefault(key, transcript(self.now_ms(), self.remark))

    def change(self, id_: str, *, lines: Rows = (), suggestions: Rows = (), **changes: Any) -> Row:
        """A fact: the row with these changes, told to every stream."""
        self.seq += 1
        row = {**self.rows[id_], **changes, "as_of_seq": self.seq}
        self.rows[id_] = row
        told = [{**one, "seq": self.seq} for one in lines]
        self.lines_of(row["key"]).extend(told)
        change = {"seq": self.seq, "tenant": "acme", "key": row["key"], "type": "test", "at_ms": self.now_ms()}
        conversation = {"owner_id": row["owner_id"], "epoch": row["epoch"]}
        self.history.append(
            {**change, "rows": [row], "lines": told, "suggestions": list(suggestions), "conversation": conversation}
        )
        return row

    def customer_writes(self, id_: str, text: str) -> None:
        """A message of the customer comes in."""
        name = f"in{self.seq + 1}"
        self.change(id_, lines=(line(name, 0, "customer", text, self.now_ms()),), last_text=text, unanswered=1)

    def add(self, id_: str) -> None:
        """A new handover comes in."""
        number = int(id_[1:])
        self.rows[id_] = handover_row(number, self.now_ms())
        self.change(id_)

    async def events(self, after: int) -> AsyncIterator[bytes]:
        """Changes after a sequence, then heartbeats and what comes."""
        beat = 0.0
        self.streams += 1
        while self.feed_open:
            if self.resets:
                data = json.dumps({"reason": self.resets.pop(), "seq": self.seq})
                yield f"event: reset\ndata: {data}\n\n".encode()
                return
            for change in self.after(after):
                after = change["seq"]
                yield f"id: {after}\nevent: change\ndata: {json.dumps(change)}\n\n".encode()
            if time.monotonic() - beat > self.heartbeat_seconds:
                beat = time.monotonic()
                data = json.dumps({"seq": self.seq, "now_ms": self.now_ms()})
                yield f"event: heartbeat\ndata: {data}\n\n".encode()
            await asyncio.sleep(0.01)

    def after(self, seq: int) -> list[Row]:
        """The history is dense: its last entry has the newest sequence."""
        return self.history[max(0, len(self.history) - (self.seq - seq)) :] if seq < self.seq else []


def page_app(server: PageServer) -> FastAPI:
    """The page and the API in memory."""
    app = FastAPI()
    app.include_router(page_routes())
    _add_reads(app, server)
    _add_people(app, server)
    _add_commands(app, server)
    return app


def _add_reads(app: FastAPI, server: PageServer) -> None:
    @app.get("/v1/queue")
    async def queue(request: Request, limit: int = 200, cursor: str | None = None) -> JSONResponse:
        states = request.query_params.getlist("state")
        rows = sorted((r for r in server.rows.values() if r["state"] in states), key=lambda r: (r["due_ms"], r["rank"]))
        since = int(cursor or 0)
        more = since + limit < len(rows)
        page = rows[since : since + limit]
        answer = {"rows": page, "next_cursor": str(since + limit) if more else None, "as_of_seq": server.seq}
        return JSONResponse(answer)

    @app.get("/v1/feed")
    async def feed(after: int = 0) -> StreamingResponse:
        return StreamingResponse(server.events(after), media_type="text/event-stream")

    @app.get("/v1/handovers/{id_}")
    async def handover(id_: str) -> Row:
        row = server.rows[id_]
        return {"id": id_, "row": row, "packet": packet(server.now_ms(), server.remark), "etag": f'"e{row["epoch"]}"'}

    @app.get("/v1/search")
    async def search(q: str) -> Row:
        return {"hits": []}

    @app.get("/v1/approvals/{id_}")
    async def read_approval(id_: str) -> Row:
        return server.approvals_by_id[id_]

    @app.get("/v1/conversations/{tenant}/{key}")
    async def conversation(tenant: str, key: str) -> Row:
        row = next(row for row in server.rows.values() if row["key"] == key)
        lines = server.lines_of(key)
        return {"owner_id": row["owner_id"], "epoch": row["epoch"], "lines": lines, "next_cursor": None, "etag": '"e1"'}


def _add_people(app: FastAPI, server: PageServer) -> None:
    views: list[Row] = [{"name": "Urgent billing", "view": "unclaimed", "filters": {"queue": "billing"}}]

    @app.get("/v1/me")
    async def me() -> Row:
        person = {"actor_id": "bo", "name": "Bo", "role": server.role, "tenant": "acme", "teams": ["retail"]}
        mine = sum(row["owner_id"] == "bo" and row["state"] == "assigned" for row in server.rows.values())
        return {**person, "skills": [], "status": server.status, "capacity": 5, "load": mine, "csrf_token": "c"}

    @app.put("/v1/me/{what}")
    async def put_me(what: str, request: Request) -> Row:
        body = await request.json()
        if what == "status":
            server.status = body["status"]
        if what == "views":
            views[:] = body["views"]
        return {}

    @app.get("/v1/me/views")
    async def read_views() -> Row:
        return {"views": views}

    @app.get("/v1/canned-replies")
    async def canned() -> Row:
        return {"canned_replies": CANNED}

    @app.get("/v1/agents")
    async def agents() -> Row:
        people = [
            {"actor_id": "bo", "name": "Bo", "status": server.status, "load": 1, "capacity": 5, "teams": ["retail"]},
            {"actor_id": "ana", "name": "Ana", "status": "busy", "load": 4, "capacity": 5, "teams": ["billing"]},
            {"actor_id": "kim", "name": "Kim", "status": "away", "load": 0, "capacity": 3, "teams": ["retail"]},
        ]
        return {"agents": people if server.agents_online else []}

    @app.get("/v1/queues")
    async def queues() -> Row:
        return {"queues": [_board(server, name) for name in ("orders", "returns", "billing")]}


def _board(server: PageServer, name: str) -> Row:
    here = [row for row in server.rows.values() if row["queue"] == name and row["state"] == "waiting"]
    waiting = [row for row in here if row["kind"] == "handover"]
    over = sum(row["due_ms"] < server.now_ms() for row in waiting)
    oldest = max((server.now_ms() - row["opened_ms"] for row in waiting), default=None)
    stopped = name in server.queues_stopped
    return {
        "name": name,
        "waiting": len(waiting),
        "approvals": len(here) - len(waiting),
        "oldest_wait_ms": oldest,
        "breached": over,
        "ai_stopped": {"by": "bo"} if stopped else None,
    }


def _add_commands(app: FastAPI, server: PageServer) -> None:
    @app.post("/v1/{group}/{rest:path}")
    async def command(group: str, rest: str, request: Request) -> JSONResponse:
        body = await request.json()
        id_, _, verb = rest.partition("/")
        if group == "conversations":
            key, _, verb = verb.partition("/")
            id_ = next(row["id"] for row in server.rows.values() if row["key"] == key)
        if group != "me" and verb not in ("viewing", "typing"):
            server.commands.append((f"{group} {verb}", body))
            server.keys.append((f"{group} {verb}", request.headers.get("idempotency-key", "")))
        if verb in server.refusals:
            status, refusal = server.refusals[verb]
            return JSONResponse(refusal, status_code=status)
        _settle(server, id_, verb, {**body, "key": request.headers.get("idempotency-key", "")})
        return JSONResponse({"ok": True, "hold_ms": 5000}, status_code=202 if verb == "reply" else 200)


def _settle(server: PageServer, id_: str, verb: str, body: Row) -> None:
    now_ms = server.now_ms()
    if verb in ("stop-ai", "resume-ai"):
        (server.queues_stopped.add if verb == "stop-ai" else server.queues_stopped.discard)(id_)
        return
    if id_ not in server.rows:
        return
    epoch = server.rows[id_]["epoch"] + 1
    mine = {"author_id": "bo"}
    changes: dict[str, Row] = {
        "claim": {"state": "assigned", "owner_id": "bo", "epoch": epoch},
        "override": {"state": "assigned", "owner_id": body.get("to_agent_id"), "epoch": epoch},
        "transfer": {"state": "assigned", "owner_id": body.get("to_agent_id"), "epoch": epoch},
        "snooze": {"state": "snoozed", "snoozed_until_ms": body.get("until_ms")},
        "wake": {"state": "assigned", "snoozed_until_ms": None},
        "resolve": {"state": "done", "outcome": "resolved", "closed_ms": now_ms, "owner_id": None},
        "return": {"state": "done", "outcome": "returned", "closed_ms": now_ms, "owner_id": None},
        "notes": {"lines": (line(body["key"], 0, "human_agent", body.get("text", ""), now_ms, kind="note", **mine),)},
        "suggest": {
            "suggestions": (
                {"suggestion_id": body["key"], "text": DRAFT, "origin": "asked", "state": "offered", "seq": 1},
            )
        },
        "decide": {"state": "done", "outcome": body.get("verdict"), "closed_ms": now_ms},
    }
    if verb == "decide":
        given = {"verdict": body["verdict"], "actor_id": "bo", "reason": body.get("reason", "")}
        server.approvals_by_id[id_] |= {"state": "decided", "verdict": given, "decided_ms": now_ms}
    if verb in changes:
        server.change(id_, **changes[verb])


def let_go(server: PageServer, id_: str, message_id: str, text: str) -> None:
    """The orchestrator sent a held reply."""
    said = line(f"sent-{message_id}", 0, "human_agent", text, server.now_ms(), author_id="bo", message_id=message_id)
    server.change(id_, lines=(said,), unanswered=0, last_author="human_agent", last_text=text)


@contextlib.contextmanager
def page_server(**settings: Any) -> Iterator[PageServer]:
    """A running server on a free port of loopback."""
    server = PageServer(**settings)
    config = uvicorn.Config(page_app(server), host="127.0.0.1", port=0, log_level="error", lifespan="off")
    running = uvicorn.Server(config)
    thread = Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    server.port = running.servers[0].sockets[0].getsockname()[1]
    yield server
    server.feed_open = False
    running.should_exit = True
    thread.join(timeout=5)
