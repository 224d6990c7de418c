"""Which timers should have fired and did not?"""

import asyncio
import json
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from contracts.streams import LOG
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from service_kit.key_timers import due_of

BATCH = 500


@dataclass(slots=True)
class OverdueTimers:
    """Walks through the stored timers, a batch at a time, and begins again at the end."""

    connection: Connection
    _cursor: int = 1

    async def next_batch(self, *, now_ms: int, late_ms: int) -> list[str]:
        """Subjects of the timers of the next batch, of every service, that are due for more than `late_ms`. Raises
        RetryLater."""
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        reply, token = self.connection.expect(arrived.put_nowait)
        question = {"seq": self._cursor, "batch": BATCH, "next_by_subj": "hil.timer.*.*.*"}
        late: list[str] = []
        seen = 0
        try:
            subject = f"$JS.API.DIRECT.GET.{LOG.name}"
            await self.connection.client.publish(subject, json.dumps(question).encode(), reply=reply)
            while True:
                async with asyncio.timeout(5):
                    headers = dict((await arrived.get()).headers or {})
                if "Status" in headers:
                    break
                seen += 1
                self._cursor = int(headers["Nats-Sequence"]) + 1
                due = due_of(headers.get("Nats-Schedule", ""))
                if due is not None and now_ms - due > late_ms:
                    late.append(headers["Nats-Subject"])
        except (TimeoutError, NatsError) as error:
            raise RetryLater(f"timers cannot be read: {type(error).__name__}") from error
        finally:
            self.connection.forget(token)
        if seen < BATCH:
            self._cursor = 1
        return late
