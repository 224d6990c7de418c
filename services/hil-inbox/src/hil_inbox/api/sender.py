"""Who sends a command, under which key, and what did they see?"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from hil_inbox.api.bodies import IdempotencyKey
from hil_inbox.api.etags import IfMatch, PreconditionMissing, epoch_seen
from hil_inbox.api.principal import Supervisor, Who
from hil_inbox.domain.principal import Principal


@dataclass(frozen=True, slots=True)
class Sender:
    """`key` is the command's id; `if_match` the entity tag as it came."""

    who: Principal
    key: str
    if_match: str | None

    @property
    def epoch(self) -> int:
        """The epoch that they saw. Raises PreconditionMissing or PreconditionUnreadable."""
        return epoch_seen(self.if_match)

    @property
    def seen(self) -> str:
        """The entity tag. Raises PreconditionMissing."""
        if self.if_match is None:
            raise PreconditionMissing
        return self.if_match


async def _anybody(who: Who, idempotency_key: IdempotencyKey, if_match: IfMatch = None) -> Sender:
    return Sender(who, idempotency_key, if_match)


async def _supervisor(who: Supervisor, idempotency_key: IdempotencyKey, if_match: IfMatch = None) -> Sender:
    return Sender(who, idempotency_key, if_match)


From = Annotated[Sender, Depends(_anybody)]
FromSupervisor = Annotated[Sender, Depends(_supervisor)]
