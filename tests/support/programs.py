"""How does a test run a program as a person would, without stopping its own event loop?"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program left behind."""

    status: int
    out: str
    err: str


async def run_program(
    *command: str,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = 60.0,
) -> Ended:
    """Run to the end; killed and failed after `timeout_seconds`."""
    program = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            out, err = await program.communicate()
    except TimeoutError:
        raise AssertionError(f"{' '.join(command)} did not end within {timeout_seconds} s") from None
    finally:
        with suppress(ProcessLookupError):
            program.kill()
        await program.wait()
    assert program.returncode is not None
    return Ended(program.returncode, out.decode(), err.decode())
