"""On a real server: is a reply held and sent by the key's timer, and is a draft written for its owner?"""

from contracts.conversations import MessageSent, MessageSuppressed, SendMessage, UnsendMessage
from contracts.envelope import Identity, Message
from contracts.handovers import HandoverClaimed
from contracts.suggestions import OfferSuggestion, RequestSuggestion
from service_kit.bus import publish
from tests.support.orchestrating import TENANT, System, core
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

CLAIM = HandoverClaimed(handover_id="h", ownership_epoch=1, actor_id="ana", agent_id="ana")


async def put(system: System, message: Message, name: str) -> None:
    await publish(system.connection, message, Identity(TENANT, "c1", name, name))


async def until(system: System, kind: type[Message]) -> Message:
    async def there() -> bool:
        return bool(await system.messages(kind, "c1"))

    await wait_until(there, timeout_seconds=20, every_seconds=0.1)
    return (await system.messages(kind, "c1"))[-1]


def held(message_id: str, hold_ms: int) -> SendMessage:
    return SendMessage(message_id=message_id, text="hello", author_id="ana", ownership_epoch=1, hold_ms=hold_ms)


async def test_replies_are_held_and_taken_back_and_drafts_are_offered(nats_server: NatsServer) -> None:
    async with core(nats_server.url, orchestrators=2) as system:
        await system.say("c1", "1", "hi")
        await system.until_finished("c1")
        await put(system, CLAIM, "claim")

        await put(system, held("m1", 60_000), "send m1")
        await put(system, UnsendMessage(message_id="m1", author_id="ana"), "unsend m1")
        undone = await until(system, MessageSuppressed)
        assert isinstance(undone, MessageSuppressed) and (undone.message_id, undone.reason) == ("m1", "undone")

        ask = RequestSuggestion(suggestion_id="s1", actor_id="ana", ownership_epoch=1)
        await put(system, ask, "ask")
        offer = await until(system, OfferSuggestion)
        assert isinstance(offer, OfferSuggestion) and offer.error == ""
        assert offer.text.startswith("you said: The conversation:")

        await put(system, held("m2", 1_000), "send m2")
        entries = await system.log("c1")
        asked_ms = next(entry.timestamp_ms for entry in entries if entry.id == "send m2")

        async def sent() -> bool:
            return any(reply.message_id == "m2" for reply in await system.replies("c1"))

        await wait_until(sent, timeout_seconds=20, every_seconds=0.1)
        reply = (await system.replies("c1"))[-1]
        assert isinstance(reply, MessageSent) and reply.based_on.now_ms >= asked_ms + 1_000
        await system.assert_sound("c1")
