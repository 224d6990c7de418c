"""A person has finished: what is the customer asked then, and only once?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contracts.conversations import AnnounceMessage
from contracts.envelope import Identity, Message, derive_message_id
from contracts.handovers import HandoverResolved
from service_kit.bus import Delivery, Handler


@dataclass(frozen=True, slots=True)
class AskRating:
    """After `first` has shown that a person resolved a handover, the customer is asked how it was.

    An empty text asks nobody. The same handover is asked about once, however often this is delivered: the id of the
    question derives from it."""

    first: Handler
    publish: Callable[[Message, Identity], Awaitable[int]]
    text: str

    async def __call__(self, delivery: Delivery) -> None:
        await self.first(delivery)
        fact, subject = delivery.message, delivery.subject
        assert isinstance(fact, HandoverResolved)
        if self.text:
            question = rating_question(subject.tenant, subject.key, fact.handover_id, self.text)
            identity = Identity(subject.tenant, subject.key, question.message_id, delivery.entry.id)
            await self.publish(question, identity)


def rating_question(tenant: str, key: str, handover_id: str, text: str) -> AnnounceMessage:
    """What the house asks about one handover."""
    message_id = derive_message_id(f"{tenant}/{key}/{handover_id}", "hil-inbox/rating")
    return AnnounceMessage(message_id=message_id, text=text, notice="rating")
