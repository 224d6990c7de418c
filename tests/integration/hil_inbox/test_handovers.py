"""Claims, replies and endings over HTTP and over the bus, on a real server."""

import asyncio

from contracts.conversations import SendMessage
from contracts.envelope import Message
from contracts.handovers import ClaimHandover, HandoverClaimed, HandoverRefused, HandoverReturned
from service_kit.log import Log
from tests.integration.hil_inbox.conftest import ON_BOTH_STORES, Inbox
from tests.support.handovers import opened, put
from tests.support.kit import TENANT, say
from tests.support.wait_until import wait_until

UNDO_MS = 5_000


async def log_of(inbox: Inbox, key: str) -> list[Message]:
    entries = await Log(inbox.connection).read(TENANT, key)
    return [entry.message for entry in entries if entry.message is not None]


async def waiting(inbox: Inbox, key: str, handover_id: str) -> None:
    await say(inbox.connection, key, "1", "a person, please")
    await put(inbox.connection, opened(handover_id), key)
    await inbox.shows(f"/v1/handovers/{handover_id}")


async def test_two_people_race_for_a_claim_and_the_loser_is_told_who_won(inbox: Inbox) -> None:
    for number in range(50):
        key, handover_id = f"c{number}", f"h{number}"
        await waiting(inbox, key, handover_id)
        answers = await asyncio.gather(
            *(
                inbox.post(
                    f"/v1/handovers/{handover_id}/claim",
                    {"actor_id": name, "etag": '"e0"'},
                    command_id=f"{name}-{number}",
                )
                for name in ("ana", "bo")
            )
        )
        [(_, won)] = [answer for answer in answers if answer[0] == 200]
        [(_, lost)] = [answer for answer in answers if answer[0] == 409]
        assert won["ownership_epoch"] == 1
        assert lost["error"] == "already_claimed"
        assert lost["owner_id"] == won["agent_id"]
        claims = [message for message in await log_of(inbox, key) if isinstance(message, HandoverClaimed)]
        assert [claim.agent_id for claim in claims] == [won["agent_id"]]


async def test_a_claim_repeated_with_the_same_key_gets_the_same_answer(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    body = {"actor_id": "ana", "etag": '"e0"'}
    answers = [await inbox.post("/v1/handovers/h1/claim", body, command_id="k1") for _ in range(3)]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 200
    assert len([m for m in await log_of(inbox, "c1") if isinstance(m, HandoverClaimed)]) == 1


async def test_a_reply_goes_to_the_orchestrator_with_the_epoch_it_was_written_under(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    await inbox.post("/v1/handovers/h1/claim", {"actor_id": "ana", "etag": '"e0"'}, command_id="k1")
    reply = {"actor_id": "ana", "etag": '"e1"', "text": "Hello, Ana here."}
    answers = [await inbox.post("/v1/handovers/h1/reply", reply, command_id="r1") for _ in range(2)]
    assert [status for status, _ in answers] == [202, 202]
    sent = [message for message in await log_of(inbox, "c1") if isinstance(message, SendMessage)]
    assert sent == [
        SendMessage(message_id="r1", text="Hello, Ana here.", author_id="ana", ownership_epoch=1, hold_ms=UNDO_MS)
    ]


async def test_a_reply_by_another_person_or_from_an_old_epoch_is_refused(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    await inbox.post("/v1/handovers/h1/claim", {"actor_id": "ana", "etag": '"e0"'}, command_id="k1")
    reply = {"etag": '"e1"', "text": "hello"}
    status, body = await inbox.post("/v1/handovers/h1/reply", {**reply, "actor_id": "bo"}, command_id="r1")
    assert (status, body["error"], body["owner_id"]) == (409, "not_owner", "ana")
    stale = {"actor_id": "ana", "etag": '"e0"', "text": "hello"}
    status, body = await inbox.post("/v1/handovers/h1/reply", stale, command_id="r2")
    assert (status, body["error"], body["ownership_epoch"]) == (409, "stale_epoch", 1)
    assert not [message for message in await log_of(inbox, "c1") if isinstance(message, SendMessage)]


@ON_BOTH_STORES
async def test_every_change_of_speaker_raises_the_epoch_by_one(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    steps = ("claim", "release", "claim", "return")
    for epoch, word in enumerate(steps):
        body = {"actor_id": "ana", "etag": f'"e{epoch}"'}
        status, answer = await inbox.post(f"/v1/handovers/h1/{word}", body, command_id=f"k{epoch}")
        assert (status, answer["ownership_epoch"]) == (200, epoch + 1)
    assert isinstance((await log_of(inbox, "c1"))[-1], HandoverReturned)

    async def returned() -> bool:
        _, found = await inbox.get("/v1/handovers/h1")
        return bool(found["state"] == "returned" and found["epoch"] == 4)

    await wait_until(returned)


@ON_BOTH_STORES
async def test_a_person_takes_over_from_the_ai_without_an_open_handover(inbox: Inbox) -> None:
    await say(inbox.connection, "c1", "1")
    body = {"actor_id": "ana", "etag": '"e0"'}
    status, claimed = await inbox.post(f"/v1/conversations/{TENANT}/c1/claim", body, command_id="k1")
    assert status == 200
    await inbox.shows(f"/v1/handovers/{claimed['handover_id']}")
    _, found = await inbox.get(f"/v1/handovers/{claimed['handover_id']}")
    assert (found["state"], found["owner_id"], found["reason"]) == ("claimed", "ana", "taken_over")
    ending = {"actor_id": "ana", "etag": '"e1"', "resolution": "done"}
    status, _ = await inbox.post(f"/v1/handovers/{claimed['handover_id']}/resolve", ending, command_id="k2")
    assert status == 200


async def test_a_desktop_on_the_bus_claims_and_the_second_gets_a_refusal_as_a_fact(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    for name in ("ana", "bo"):
        command = ClaimHandover(command_id=f"cmd-{name}", handover_id="h1", actor_id=name, ownership_epoch=0)
        await put(inbox.connection, command, "c1", name=name)

    async def refused() -> list[HandoverRefused]:
        return [message for message in await log_of(inbox, "c1") if isinstance(message, HandoverRefused)]

    await wait_until(refused)
    [claim] = [message for message in await log_of(inbox, "c1") if isinstance(message, HandoverClaimed)]
    [refusal] = await refused()
    assert refusal.reason == "already_claimed"
    assert refusal.owner_id == claim.agent_id
    assert {claim.agent_id, refusal.actor_id} == {"ana", "bo"}


@ON_BOTH_STORES
async def test_a_list_shows_what_waits_and_says_through_which_sequence(inbox: Inbox) -> None:
    for number, priority in enumerate(("low", "urgent", "normal")):
        await put(inbox.connection, opened(f"h{number}", priority=priority), f"c{number}")
    last = await put(inbox.connection, opened("other"), "c1", tenant="globex")

    async def complete() -> bool:
        return bool((await inbox.get("/v1/handovers"))[1]["as_of_seq"] >= last)

    await wait_until(complete)
    _, page = await inbox.get("/v1/handovers", state="open", limit="2")
    assert [found["id"] for found in page["handovers"]] == ["h1", "h2"]
    _, rest = await inbox.get("/v1/handovers", state="open", limit="2", cursor=page["next_cursor"])
    assert [found["id"] for found in rest["handovers"]] == ["h0"]


@ON_BOTH_STORES
async def test_a_transcript_holds_every_message_once_in_order(inbox: Inbox) -> None:
    for turn in range(5):
        await say(inbox.connection, "c1", str(turn), f"text {turn}")
    await inbox.shows(f"/v1/conversations/{TENANT}/c1")

    async def texts() -> list[str]:
        _, found = await inbox.get(f"/v1/conversations/{TENANT}/c1")
        return [line["text"] for line in found["transcript"]]

    async def complete() -> bool:
        return len(await texts()) == 5

    await wait_until(complete)
    assert await texts() == [f"text {turn}" for turn in range(5)]
