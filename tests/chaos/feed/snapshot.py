"""What does an inbox show at last, over REST, and what does the log itself say was to be told?"""

import asyncio

import aiohttp
import nats.errors
import nats.js.errors

from contracts.streams import HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS, LOG
from hil.desktop.state import DesktopState
from service_kit.connection import Connection
from tests.support.kit import TENANT
from tests.support.wait_until import wait_until

SETTLED_SECONDS_MAX = 900.0
READERS = 8
OTHERS = ("etag", "transcript", "suggestions", "next_cursor")


async def until_settled(connection: Connection) -> None:
    """Until the inbox owes neither answers nor documents."""

    async def settled() -> bool:
        specs = (HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS)
        try:
            infos = [await connection.jetstream.consumer_info(LOG.name, spec.name) for spec in specs]
        except (nats.errors.Error, nats.js.errors.Error):
            return False  # The bus is busy: a reason to wait.
        return not any(info.num_pending or info.num_ack_pending for info in infos)

    await wait_until(settled, timeout_seconds=SETTLED_SECONDS_MAX, every_seconds=0.2)


async def told_sequences(connection: Connection) -> list[int]:
    """Sequences of all messages of the inbox's types, as the log itself tells them."""
    subject = f"hil.*.*.*.*.{TENANT}.*"
    subscription = await connection.jetstream.subscribe(subject, stream=LOG.name, ordered_consumer=True)
    types = {kind.route.type for kind in HIL_INBOX_EVENTS.types}
    found: list[int] = []
    pending = 1
    while pending:
        msg = await subscription.next_msg(timeout=10)
        pending = msg.metadata.num_pending
        if msg.subject.rsplit(".", 2)[0] in types:
            found.append(msg.metadata.sequence.stream)
    await subscription.unsubscribe()
    return found


async def fresh_snapshot(session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> DesktopState:
    """All rows, and all conversations that have one, with their lines."""
    state = DesktopState()
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
        async with session.get(f"{url}/v1/queue", params=params, headers=headers) as response:
            response.raise_for_status()
            page = await response.json()
        state.rows |= {row["id"]: row for row in page["rows"]}
        cursor = page["next_cursor"]
    slots = asyncio.Semaphore(READERS)

    async def read(key: str) -> None:
        async with slots:
            await _conversation(session, f"{url}/v1/conversations/{TENANT}/{key}", key, headers=headers, state=state)

    await asyncio.gather(*(read(key) for key in {row["key"] for row in state.rows.values()}))
    return state


async def _conversation(
    session: aiohttp.ClientSession, url: str, key: str, *, headers: dict[str, str], state: DesktopState
) -> None:
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
        async with session.get(url, params=params, headers=headers) as response:
            response.raise_for_status()
            body = await response.json()
        state.lines |= {f"{key}/{line['id']}": line for line in body["transcript"]}
        cursor = body["next_cursor"]
    known = {name: value for name, value in body.items() if name not in OTHERS}
    state.conversations[key] = {"id": f"{TENANT}/{key}", **known}
