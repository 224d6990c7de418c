"""Verdicts over HTTP on a real server: counted once, refused aloud."""

import asyncio
import time

import pytest

from contracts.handovers import ApprovalDecided
from contracts.streams import TOOLS_BUCKET
from contracts.tool_calls import ToolDescription
from tests.integration.hil_inbox.conftest import ON_BOTH_STORES, Inbox
from tests.integration.hil_inbox.test_handovers import log_of
from tests.support.handovers import asked, ended, put
from tests.support.wait_until import wait_until


async def test_of_ten_deciders_one_counts_and_the_others_hear_who_was_first(inbox: Inbox) -> None:
    await put(inbox.connection, asked("a1"), "c1")
    await inbox.shows("/v1/approvals/a1")
    answers = await asyncio.gather(
        *(
            inbox.post("/v1/approvals/a1/decide", {"actor_id": f"p{n}", "verdict": "approve"}, command_id=f"k{n}")
            for n in range(10)
        )
    )
    [(_, first)] = [answer for answer in answers if answer[0] == 200]
    assert {body["owner_id"] for status, body in answers if status == 409} == {first["actor_id"]}
    assert len([m for m in await log_of(inbox, "c1") if isinstance(m, ApprovalDecided)]) == 1


async def test_edited_arguments_reach_the_log_as_they_were_given(inbox: Inbox) -> None:
    form = {"type": "object", "properties": {"cents": {"type": "integer", "maximum": 5000}}}
    await put(inbox.connection, asked("a1", form=form), "c1")
    await inbox.shows("/v1/approvals/a1")
    edit = {"actor_id": "ana", "verdict": "edit", "arguments": {"cents": 9000}}
    status, body = await inbox.post("/v1/approvals/a1/decide", edit, command_id="k1")
    assert (status, body["error"]) == (422, "invalid_verdict")
    assert "arguments.cents" in body["detail"]
    assert "5000" in body["detail"]
    edit["arguments"] = {"cents": 100}
    status, _ = await inbox.post("/v1/approvals/a1/decide", edit, command_id="k2")
    assert status == 200
    [decided] = [message for message in await log_of(inbox, "c1") if isinstance(message, ApprovalDecided)]
    assert decided.arguments == {"cents": 100}


@pytest.mark.parametrize(("expires_ms", "reason"), [(1, "expired"), (4_000_000_000_000, "execution_finished")])
async def test_a_verdict_that_comes_too_late_is_refused_aloud(inbox: Inbox, expires_ms: int, reason: str) -> None:
    await put(inbox.connection, asked("a1", expires_ms=expires_ms), "c1")
    if reason == "execution_finished":
        await put(inbox.connection, ended(), "c1")
    await inbox.shows("/v1/approvals/a1")
    verdict = {"actor_id": "ana", "verdict": "approve"}
    status, body = await inbox.post("/v1/approvals/a1/decide", verdict, command_id="k1")
    assert (status, body["error"]) == (409, reason)
    assert not [message for message in await log_of(inbox, "c1") if isinstance(message, ApprovalDecided)]


async def test_an_approval_leaves_the_queue_when_its_time_is_over_although_nothing_else_happens(inbox: Inbox) -> None:
    await put(inbox.connection, asked("a1", expires_ms=time.time_ns() // 1_000_000 + 1_500), "c1")
    await inbox.shows("/v1/approvals/a1")
    assert [row["id"] for row in (await inbox.get("/v1/queue", state="waiting"))[1]["rows"]] == ["a1"]

    async def over() -> list[tuple[str, str]]:
        _, page = await inbox.get("/v1/queue", state="done")
        return [(row["id"], row["outcome"]) for row in page["rows"]]

    await wait_until(over)
    assert await over() == [("a1", "expired")]
    late = {"actor_id": "ana", "verdict": "approve"}
    status, body = await inbox.post("/v1/approvals/a1/decide", late, command_id="k1")
    assert (status, body["error"], body["current"]["outcome"]) == (409, "expired", "expired")


@ON_BOTH_STORES
async def test_a_list_of_approvals_tells_pending_from_decided(inbox: Inbox) -> None:
    for name in ("a1", "a2"):
        await put(inbox.connection, asked(name), "c1", name=name)
        await inbox.shows(f"/v1/approvals/{name}")
    rejection = {"actor_id": "ana", "verdict": "reject", "reason": "too much"}
    await inbox.post("/v1/approvals/a1/decide", rejection, command_id="k1")

    async def decided() -> bool:
        return bool((await inbox.get("/v1/approvals", state="decided"))[1]["approvals"])

    await wait_until(decided)
    _, page = await inbox.get("/v1/approvals", state="pending")
    assert [found["id"] for found in page["approvals"]] == ["a2"]


async def test_who_decides_sees_the_tools_schema_whether_it_can_be_undone_and_the_reasons_of_the_queue(
    inbox: Inbox,
) -> None:
    schema = {"type": "object", "properties": {"cents": {"type": "integer"}}}
    tool = ToolDescription(name="shop.refund", input_schema=schema, side_effect="irreversible")
    bucket = await inbox.connection.jetstream.key_value(TOOLS_BUCKET)
    await bucket.put(tool.name, tool.model_dump_json().encode())
    for name, called in (("a1", tool.name), ("a2", "shop.gone")):
        await put(inbox.connection, asked(name, tool=called), "c1", name=name)
        await inbox.shows(f"/v1/approvals/{name}")
    _, found = await inbox.get("/v1/approvals/a1")
    assert (found["input_schema"], found["side_effect"]) == (schema, "irreversible")
    assert {"code": "against_policy", "label": "Our rules do not allow it"} in found["rejection_reasons"]
    _, unknown = await inbox.get("/v1/approvals/a2")
    assert "side_effect" not in unknown
