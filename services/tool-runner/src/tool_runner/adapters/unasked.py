"""How much may a tool server say that nobody asked it for?"""

import asyncio
from dataclasses import dataclass, field

from mcp_types import JSONRPCMessage, JSONRPCNotification, JSONRPCRequest

MESSAGE_SECONDS = 0.001
BYTE_SECONDS = 1e-7
"""A thousand lines and ten megabytes a second: what is beyond waits in the server's own pipe."""
_PAUSE_SECONDS = 0.05
REQUESTS_MAX = 100
"""Requests of a server that are not answered yet, as it does not read; more are thrown away."""


@dataclass(slots=True)
class Unasked:
    """What one server says beside its answers: empty lines, notifications, requests. Each is work for the whole
    process, so that they are read at a pace. Answers that are waited for are not slowed down by themselves."""

    too_much: bool = False
    """Whether it ever had to wait."""
    _owed: int = 0
    _requests: int = 0
    _seconds: float = field(default=0.0)

    def written(self, message: JSONRPCMessage) -> None:
        """This was sent to the server."""
        if isinstance(message, JSONRPCRequest):
            self._owed += 1
        elif not isinstance(message, JSONRPCNotification):
            self._requests -= 1

    async def admits(self, message: JSONRPCMessage | None, *, bytes_read: int) -> bool:
        """Whether the session is to hear of it; None is a line that is no message. Waits where too much came."""
        if message is not None and not isinstance(message, JSONRPCRequest | JSONRPCNotification) and self._owed > 0:
            self._owed -= 1
            return True
        self._seconds += MESSAGE_SECONDS + bytes_read * BYTE_SECONDS
        if self._seconds > _PAUSE_SECONDS:
            self.too_much = True
            await asyncio.sleep(self._seconds)
            self._seconds = 0.0
        if not isinstance(message, JSONRPCRequest):
            return message is not None
        if self._requests >= REQUESTS_MAX:
            return False
        self._requests += 1
        return True
