"""Do bodies come in whole, and end when they are too long, too slow or too many?"""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from llm_gateway.api.errors import Refused
from llm_gateway.api.read_body import BodyReader, Gone, Receive

PART = {"type": "http.request", "body": b"12345", "more_body": True}
LAST = {"type": "http.request", "body": b"678"}
LEFT = {"type": "http.disconnect"}


def receiving(*messages: dict[str, Any]) -> Receive:
    """These messages, then nothing any more."""
    left = list(messages)

    async def receive() -> Any:
        return left.pop(0) if left else await asyncio.Event().wait()

    return receive


async def test_pieces_become_one_body() -> None:
    assert await BodyReader().read({}, receiving(PART, PART, LAST)) == b"1234512345678"
    assert await BodyReader().read({}, receiving(LAST)) == b"678"


@pytest.mark.parametrize("messages", [[], [PART], [PART, PART]])
async def test_a_body_that_does_not_come_is_a_408(messages: Sequence[dict[str, Any]]) -> None:
    with pytest.raises(Refused) as refused:
        await BodyReader(seconds_max=0.01).read({b"content-length": b"100"}, receiving(*messages))
    assert (refused.value.error.status, refused.value.error.message) == (408, "body: did not arrive within 0.01 s")


@pytest.mark.parametrize("headers", [{b"content-length": b"9"}, {b"content-length": b"9" * 30}, {}])
async def test_a_body_that_is_too_long_is_a_413(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Refused) as refused:
        await BodyReader().read(headers, receiving(PART, PART, PART), bytes_max=8)
    assert (refused.value.error.status, refused.value.error.code) == (413, "body_too_large")


async def test_a_client_that_leaves_is_gone() -> None:
    with pytest.raises(Gone):
        await BodyReader().read({}, receiving(PART, LEFT))


async def test_what_all_bodies_hold_is_bounded_and_given_back() -> None:
    reader = BodyReader(all_bytes_max=12)
    slow = [asyncio.create_task(reader.read({}, receiving(PART))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refused) as refused:
        await reader.read({}, receiving(PART, LAST))
    assert (refused.value.error.status, refused.value.error.code) == (503, "overloaded")
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)
    assert await reader.read({}, receiving(PART, LAST)) == b"12345678"
