"""How does the gateway say what happened?"""

from typing import Protocol

from contracts.envelope import Identity, Message


class Publish(Protocol):
    """Stores a fact surely, once per id; raises RetryLater."""

    async def __call__(self, message: Message, identity: Identity) -> int: ...
