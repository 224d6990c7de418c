"""Acknowledgements, alarms and snoozes on a real server: every one once, whatever happens."""

import time
from pathlib import Path

import pytest

from contracts.conversations import MessageSent
from contracts.envelope import Message
from contracts.handover_clocks import ApprovalDelivered, HandoverBreached, HandoverDelivered, HandoverWoken
from hil_inbox.settings import Settings
from tests.integration.hil_inbox.conftest import ON_BOTH_STORES, Inbox
from tests.integration.hil_inbox.test_handovers import log_of, waiting
from tests.support.handovers import BASED, asked, opened, put
from tests.support.kit import say
from tests.support.wait_until import wait_until

QUEUES = """
queues:
  - name: money
    match: {skills: [refunds]}
    sla: {first_response: 1s, resolution: 8h}
    rejection_reasons: [{code: too_much, label: It is too much}]
  - {name: general}
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    path = tmp_path / "queues.yaml"
    path.write_text(QUEUES)
    return settings.model_copy(update={"queues_file": path})


async def facts(inbox: Inbox, key: str, kind: type[Message]) -> list[Message]:
    """Wait for the first of a kind; all of them."""

    async def found() -> list[Message]:
        return [message for message in await log_of(inbox, key) if isinstance(message, kind)]

    await wait_until(found)
    return await found()


@ON_BOTH_STORES
async def test_a_handover_is_acknowledged_once_with_its_queue_and_its_terms(inbox: Inbox) -> None:
    await say(inbox.connection, "c1", "1", "money back")
    for name in ("once", "again"):
        await put(inbox.connection, opened("h1", skills=["refunds"]), "c1", name=name)
    [delivered] = await facts(inbox, "c1", HandoverDelivered)
    assert isinstance(delivered, HandoverDelivered)
    assert (delivered.queue, delivered.terms.first_response_ms, delivered.fallback) == ("money", 1_000, "none")

    async def shown() -> bool:
        _, found = await inbox.get("/v1/handovers/h1")
        row = found.get("row") or {"queue": None}  # Documents follow the log.
        return bool(row["queue"] == "money" and set(row["clocks"]) == {"first_response", "resolution"})

    await wait_until(shown)


@ON_BOTH_STORES
async def test_an_approval_waits_in_the_queue_of_its_skills_and_takes_no_place_of_a_customer(inbox: Inbox) -> None:
    await say(inbox.connection, "c1", "1", "money back")
    for name in ("once", "again"):
        await put(inbox.connection, asked("a1", skills=["refunds"]), "c1", name=name)
    [delivered] = await facts(inbox, "c1", ApprovalDelivered)
    assert delivered == ApprovalDelivered(approval_id="a1", queue="money", agents_online=0)

    async def listed() -> bool:
        _, found = await inbox.get("/v1/queue?queue=money&state=waiting")
        return [row["id"] for row in found["rows"]] == ["a1"]

    await wait_until(listed)
    _, shown = await inbox.get("/v1/approvals/a1")
    assert (shown["queue"], [one["code"] for one in shown["rejection_reasons"]]) == ("money", ["too_much"])
    _, board = await inbox.get("/v1/queues")
    assert [(one["waiting"], one["approvals"]) for one in board["queues"]] == [(0, 1), (0, 0)]


async def test_a_clock_that_runs_out_is_told_once_and_an_answered_one_is_not(inbox: Inbox) -> None:
    for key, handover_id in (("c1", "h1"), ("c2", "h2")):
        await say(inbox.connection, key, "1", "money back")
        await put(inbox.connection, opened(handover_id, skills=["refunds"]), key)
        await facts(inbox, key, HandoverDelivered)
    answer = MessageSent(message_id="m1", text="hello", author="human_agent", author_id="ana", based_on=BASED)
    await put(inbox.connection, answer, "c2")
    [breached] = await facts(inbox, "c1", HandoverBreached)
    assert isinstance(breached, HandoverBreached)
    assert (breached.clock, breached.queue) == ("first_response", "money")
    await say(inbox.connection, "c1", "2", "still here?")  # Whatever comes afterwards, it is told once.
    await inbox.post("/v1/conversations/acme/c1/notes", {"text": "seen"}, command_id="n1")
    assert len(await facts(inbox, "c1", HandoverBreached)) == 1
    assert not [message for message in await log_of(inbox, "c2") if isinstance(message, HandoverBreached)]


async def test_a_snoozed_handover_wakes_when_its_time_is_over(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    await inbox.post("/v1/handovers/h1/claim", {}, command_id="k1")
    [delivered] = await facts(inbox, "c1", HandoverDelivered)
    assert isinstance(delivered, HandoverDelivered)
    until_ms = time.time_ns() // 1_000_000 + 2_000
    body = {"until_ms": until_ms, "etag": '"e1"'}
    status, _ = await inbox.post("/v1/handovers/h1/snooze", body, command_id="k2")
    assert status == 200
    [woken] = await facts(inbox, "c1", HandoverWoken)
    assert isinstance(woken, HandoverWoken)
    assert woken.actor_id == "hil-inbox"
    assert woken.at_ms >= until_ms
