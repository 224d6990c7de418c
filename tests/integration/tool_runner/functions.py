"""Which Python functions do tests offer as tools?"""

import asyncio
import os


def sized(text: str, times: int = 1) -> dict[str, int]:
    """Says how long a text is."""
    if times < 1:
        raise ValueError(f"times is {times}, at least 1")
    return {"characters": len(text) * times}


def person() -> dict[str, str]:
    """Somebody's data."""
    return {"name": "Priya Raman", "mail": "priya@example.com", "note": "wants a refund"}


async def napping(seconds: float) -> str:
    """Waits, then answers."""
    await asyncio.sleep(seconds)
    return "awake"


def stamp(text: str) -> str:
    """Leaves a line in the file of the environment that says who was here."""
    with open(os.environ["STAMPS_FILE"], "a") as file:
        file.write(f"{os.getpid()} {text}\n")
    return text


def unwritable() -> object:
    """Answers with something that is not JSON."""
    return object()
