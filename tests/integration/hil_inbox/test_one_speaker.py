"""One speaker: fifty claims at once over two services, and words that are on their way when their author leaves."""

import asyncio

import aiohttp

from contracts.conversations import MessageSent, SendMessage
from contracts.handovers import HandoverClaimed, HandoverResolved
from hil.embedded.ports import free_port
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from tests.integration.hil_inbox.conftest import Inbox
from tests.integration.hil_inbox.test_handovers import log_of, waiting
from tests.support.handovers import BASED, put
from tests.support.running_service import running_service
from tests.support.wait_until import wait_until

CLAIMS = 50


async def test_of_fifty_claims_over_two_services_one_wins_and_all_others_name_the_winner(
    inbox: Inbox, settings: Settings
) -> None:
    await waiting(inbox, "c1", "h1")
    second = settings.model_copy(update={"http_port": free_port()})
    async with running_service(lambda stop, ready: serve(second, stop=stop, ready=ready), second.http_port) as session:

        async def claim(number: int) -> tuple[int, dict[str, object]]:
            desk: aiohttp.ClientSession = (inbox.session, session)[number % 2]
            headers = inbox.headers | {
                "Idempotency-Key": f"k{number}",
                "If-Match": '"e0"',
                "Hil-Actor": f"agent{number}",
            }
            async with desk.post("/v1/handovers/h1/claim", json={}, headers=headers) as response:
                return response.status, await response.json()

        answers = await asyncio.gather(*(claim(number) for number in range(CLAIMS)))
    [won] = [body for status, body in answers if status == 200]
    lost = [body for status, body in answers if status == 409]
    assert len(lost) == CLAIMS - 1
    claims = [message for message in await log_of(inbox, "c1") if isinstance(message, HandoverClaimed)]
    assert [claim.agent_id for claim in claims] == [won["agent_id"]]
    assert {(body["error"], body["owner_id"], body["ownership_epoch"]) for body in lost} == {
        ("already_claimed", won["agent_id"], 1)
    }
    [since_ms] = {body["since_ms"] for body in lost}
    assert isinstance(since_ms, int)
    assert since_ms > 0


async def test_who_resolves_lets_the_own_reply_go_first(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    await inbox.post("/v1/handovers/h1/claim", {}, command_id="k1")
    await inbox.post("/v1/handovers/h1/reply", {"text": "Done. Bye!", "etag": '"e1"'}, command_id="m1")
    resolving = asyncio.create_task(inbox.post("/v1/handovers/h1/resolve", {"etag": '"e1"'}, command_id="k2"))

    async def let_go() -> bool:
        asked = [message for message in await log_of(inbox, "c1") if isinstance(message, SendMessage)]
        return [message.hold_ms for message in asked] == [5_000, 0]

    await wait_until(let_go)
    assert not resolving.done()  # It waits for what the orchestrator does, which is played here.
    sent = MessageSent(
        message_id="m1", text="Done. Bye!", author="human_agent", author_id="ana", ownership_epoch=1, based_on=BASED
    )
    await put(inbox.connection, sent, "c1")
    status, _ = await resolving
    assert status == 200
    words = [type(message) for message in await log_of(inbox, "c1")]
    assert words.index(MessageSent) < words.index(HandoverResolved)
