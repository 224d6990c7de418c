"""The board of the queues, and the AI stopped in one of them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from hil_inbox.adapters.ai_stops import AiStop
from hil_inbox.api.answers import missing
from hil_inbox.api.bodies import Nothing
from hil_inbox.api.floor import Floor
from hil_inbox.api.principal import Supervisor, Who
from hil_inbox.api.staff_room import StaffRoom
from hil_inbox.domain.assignment import Agent, online_for
from hil_inbox.domain.queues import Queue
from service_kit.errors import RetryLater

QueueName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
QueueFilter = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Workflow = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9_.-]{1,128})$")]


class StopBody(Nothing):
    """Why, and in which workflows; if none is named, in those of the queue, or all if it names none."""

    reason: str = Field("", max_length=500)
    workflows: tuple[Workflow, ...] = Field((), max_length=50)


def queue_routes(floor: Floor, room: StaffRoom) -> APIRouter:
    """Everything under /v1/queues."""
    router = APIRouter(prefix="/v1/queues", tags=["queues"])

    @router.get("")
    async def board(who: Who) -> JSONResponse:
        """Each queue in figures. `agents_online` is null while Redis is away."""
        agents = await _agents(floor, who.tenant)
        rows = [await _shown(floor, who.tenant, queue, agents) for queue in floor.queues.values()]
        return JSONResponse({"queues": rows, "now_ms": floor.now_ms()})

    @router.post("/{queue}/stop-ai")
    async def stop_ai(queue: QueueName, body: StopBody, who: Supervisor) -> JSONResponse:
        """From now on the AI does not speak in conversations of these workflows; people do."""
        if queue not in floor.queues:
            return missing("queue", queue)
        before = await floor.stops.get(who.tenant, queue)
        workflows = body.workflows or tuple(sorted(floor.queues[queue].match.workflows)) or ("*",)
        stop = AiStop(by=who.actor_id, at_ms=floor.now_ms(), reason=body.reason, workflows=workflows)
        await floor.stops.put(who.tenant, queue, stop)
        await _note(room, who, "ai_stopped", queue=queue, before=before, after=stop)
        return JSONResponse({"queue": queue, "ai_stopped": stop.model_dump(mode="json")})

    @router.post("/{queue}/resume-ai")
    async def resume_ai(queue: QueueName, _: Nothing, who: Supervisor) -> JSONResponse:
        """The AI speaks again in new turns; what was handed over stays with people."""
        if queue not in floor.queues:
            return missing("queue", queue)
        before = await floor.stops.get(who.tenant, queue)
        await floor.stops.remove(who.tenant, queue)
        await _note(room, who, "ai_resumed", queue=queue, before=before, after=None)
        return JSONResponse({"queue": queue, "ai_stopped": None})

    return router


def canned_reply_routes(floor: Floor) -> APIRouter:
    """/v1/canned-replies."""
    router = APIRouter(prefix="/v1/canned-replies", tags=["queues"])

    @router.get("")
    async def canned_replies(_: Who, queue: QueueFilter = None) -> JSONResponse:
        """Of a queue, or of all; the page fills in `{{customer}}` and `{{agent}}`."""
        if queue is not None and queue not in floor.queues:
            return missing("queue", queue)
        names = floor.queues if queue is None else (queue,)
        replies = [
            {"queue": name, "code": one.code, "label": one.label, "text": one.text}
            for name in names
            for one in floor.queues[name].canned_replies
        ]
        return JSONResponse({"canned_replies": replies})

    return router


async def _note(
    room: StaffRoom, who: Supervisor, action: str, *, queue: str, before: AiStop | None, after: AiStop | None
) -> None:
    was, is_ = (None if one is None else one.model_dump(mode="json") for one in (before, after))
    await room.note(who, action, before={"queue": queue, "stop": was}, after={"queue": queue, "stop": is_})


async def _agents(floor: Floor, tenant: str) -> list[Agent] | None:
    try:
        return await floor.assigner.present(tenant)
    except RetryLater:
        return None


async def _shown(floor: Floor, tenant: str, queue: Queue, agents: list[Agent] | None) -> dict[str, object]:
    now_ms = floor.now_ms()
    next_one = await floor.rows.waiting(tenant, queue.name, at_most=1)
    oldest_ms = await floor.rows.oldest_ms(tenant, queue.name)
    stop = await floor.stops.get(tenant, queue.name)
    return {
        "name": queue.name,
        "mode": queue.mode,
        "waiting": await floor.rows.waiting_count(tenant, queue.name),
        "approvals": await floor.rows.approvals_count(tenant, queue.name),
        "oldest_wait_ms": None if oldest_ms is None else max(0, now_ms - oldest_ms),
        "next_due_ms": next_one[0].row.due_ms if next_one else None,
        "breached": await floor.rows.breached_count(tenant, queue.name, now_ms=now_ms),
        "assigned": await floor.rows.assigned_count(tenant, queue.name),
        "agents_online": None if agents is None else online_for(agents, queue),
        "ai_stopped": None if stop is None else stop.model_dump(mode="json"),
    }
