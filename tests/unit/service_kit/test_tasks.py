"""A background task ends although a library swallows its cancellation."""

import asyncio
from contextlib import suppress

from service_kit.tasks import end_task


async def test_a_task_that_swallows_its_first_cancellation_is_ended() -> None:
    swallowed: list[str] = []

    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        swallowed.append("once")
        await asyncio.sleep(60)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await end_task(task)
    assert (swallowed, task.cancelled()) == (["once"], True)


async def test_a_task_that_failed_is_ended_without_its_error() -> None:
    async def failing() -> None:
        raise ValueError("nobody asks")

    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await end_task(task)
    assert task.done()
