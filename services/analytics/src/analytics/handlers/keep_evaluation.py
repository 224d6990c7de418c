"""An evaluation was played or judged: what of it is kept?"""

from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from contracts.evaluations import EvaluationFinished
from service_kit.bus import Delivery


class Evaluations(Protocol):
    """Where the history is kept."""

    async def keep(self, id_: str, body: dict[str, JsonValue]) -> None: ...


@dataclass(frozen=True, slots=True)
class KeepEvaluation:
    """The message as it is, with whose it is and where it stands in the log."""

    evaluations: Evaluations

    async def __call__(self, delivery: Delivery) -> None:
        entry, subject = delivery.entry, delivery.subject
        assert isinstance(entry.message, EvaluationFinished), "the routes bring no other message here"
        body: dict[str, JsonValue] = {
            **entry.message.model_dump(mode="json"),
            "tenant": subject.tenant,
            "evaluation_id": subject.key,
            "sequence": entry.sequence,
            "at_ms": entry.timestamp_ms,
        }
        await self.evaluations.keep(f"{subject.tenant}/{subject.key}/{entry.id}", body)
