"""How does a test wait for something without sleeping for a guessed time?"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable


async def wait_until(
    condition: Callable[[], object] | Callable[[], Awaitable[object]],
    *,
    timeout_seconds: float = 10.0,
    every_seconds: float = 0.02,
) -> None:
    """Return as soon as `condition` (plain or async) gives something true; else a TimeoutError names it."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not true after {timeout_seconds:g} s: {_describe(condition)}")
        await asyncio.sleep(every_seconds)


def _describe(condition: object) -> str:
    try:
        return inspect.getsource(condition).strip()  # type: ignore[arg-type]
    except (OSError, TypeError):
        return repr(condition)
