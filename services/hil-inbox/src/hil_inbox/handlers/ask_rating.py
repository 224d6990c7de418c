"""A person has finished: what is the customer asked then, and only once?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from contracts.conversations import AnnounceMessage
from contracts.envelope import Identity, Message, derive_message_id
from contracts.handovers import HandoverResolved
from hil_inbox.domain.queues import Queues
from hil_inbox.domain.read_model import Collection
from service_kit.bus import Delivery, Handler


class Documents(Protocol):
    """The read model."""

    async def get(self, collection: Collection, document_id: str) -> dict[str, object] | None: ...


@dataclass(frozen=True, slots=True)
class AskRating:
    """After `first` has shown that a person resolved a handover, the customer is asked how it was, by the text of its
    queue; `text` is that of all queues without one.

    An empty text asks nobody. The same handover is asked about once, however often this is delivered: the id of the
    question derives from it."""

    first: Handler
    publish: Callable[[Message, Identity], Awaitable[int]]
    documents: Documents
    queues: Queues
    text: str

    async def __call__(self, delivery: Delivery) -> None:
        await self.first(delivery)
        fact, subject = delivery.message, delivery.subject
        assert isinstance(fact, HandoverResolved)
        row = await self.documents.get("queue", fact.handover_id)
        text = self.queues.rating_text("" if row is None else str(row["queue"]), self.text)
        if text:
            question = rating_question(subject.tenant, subject.key, fact.handover_id, text)
            identity = Identity(subject.tenant, subject.key, question.message_id, delivery.entry.id)
            await self.publish(question, identity)


def rating_question(tenant: str, key: str, handover_id: str, text: str) -> AnnounceMessage:
    """What the house asks about one handover."""
    message_id = derive_message_id(f"{tenant}/{key}/{handover_id}", "hil-inbox/rating")
    return AnnounceMessage(message_id=message_id, text=text, notice="rating")
