"""Approvals over HTTP: list, read, decide."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from contracts.handovers import DecideApproval
from hil_inbox.api.answers import missing
from hil_inbox.api.bodies import Cursor, ItemId, Limit, VerdictBody
from hil_inbox.api.etags import etag_of_approval
from hil_inbox.api.office import Office
from hil_inbox.api.principal import Who
from hil_inbox.api.sender import From
from hil_inbox.domain.queues import Queue

ApprovalState = Literal["pending", "decided", "closed"]


def approval_routes(office: Office, queues: Mapping[str, Queue]) -> APIRouter:
    """Everything under /v1/approvals, and the notices of trouble."""
    router = APIRouter(prefix="/v1", tags=["approvals"])

    @router.get("/approvals")
    async def list_approvals(
        who: Who,
        state: Annotated[list[ApprovalState] | None, Query(max_length=3)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> JSONResponse:
        """Most urgent first, then those that expire first."""
        return await office.listed(who, "approvals", {"state": state}, limit=limit, cursor=cursor)

    @router.get("/approvals/{approval_id}")
    async def read_approval(approval_id: ItemId, who: Who) -> JSONResponse:
        """What is asked, the named reasons to say no, and of a tool call the schema of its arguments and whether it can
        be undone; its etag is what a verdict is bound to."""
        found = await office.own(who, "approvals", approval_id)
        if found is None:
            return missing("approval", approval_id)
        more = {"etag": etag_of_approval(found), "rejection_reasons": _reasons(queues, found)}
        return JSONResponse({"id": approval_id, **more, **await _about_tool(office, found), **found})

    @router.post("/approvals/{approval_id}/decide")
    async def decide(approval_id: ItemId, body: VerdictBody, sender: From) -> JSONResponse:
        """A verdict counts once; the second decider gets 409 and who was first. It is bound to the call's arguments and
        the policy that its sender saw."""
        if_match, who = sender.seen, sender.who
        found = await office.own(who, "approvals", approval_id)
        if found is None:
            return missing("approval", approval_id)
        named = {"command_id": sender.key, "approval_id": approval_id, "actor_id": who.actor_id}
        command = DecideApproval.model_validate({**body.model_dump(), **_seen(if_match, found), **named})
        return await office.answer(
            who.tenant, str(found["key"]), command, current=("approvals", approval_id), seen=found
        )

    @router.get("/notices")
    async def list_notices(who: Who, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
        """Refusals, spent budgets and failure patterns, newest first."""
        return await office.listed(who, "notices", {}, limit=limit, cursor=cursor)

    return router


def _reasons(queues: Mapping[str, Queue], approval: dict[str, object]) -> list[dict[str, str]]:
    """Those of the queue that it waits in; until it is in one, or when the file has changed, of the last."""
    queue = queues.get(str(approval.get("queue"))) or list(queues.values())[-1]
    return [{"code": one.code, "label": one.label} for one in queue.rejection_reasons]


async def _about_tool(office: Office, approval: dict[str, object]) -> dict[str, object]:
    tool = approval.get("tool")
    described = await office.tools.get(str(tool)) if tool else None
    if described is None:
        return {}
    return {"input_schema": described.input_schema, "side_effect": described.side_effect}


def _seen(if_match: str, approval: dict[str, object]) -> dict[str, object]:
    """What the verdict is bound to: what is asked now, if its sender saw that; else what they saw, which is refused."""
    if if_match.strip().removeprefix("W/") == etag_of_approval(approval):
        return {name: approval.get(name) for name in ("arguments_hash", "policy_version")}
    return {"arguments_hash": f"seen:{if_match[:80]}"}
