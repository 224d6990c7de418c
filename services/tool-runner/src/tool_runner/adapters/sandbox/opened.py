"""How does the tool runner get a sandbox that holds on this machine?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tool_runner.adapters.sandbox.box import BoxKind
from tool_runner.adapters.sandbox.bubblewrap_sandbox import BubblewrapSandbox, filled
from tool_runner.adapters.sandbox.keeper_client import running_keeper
from tool_runner.adapters.sandbox.recipe import bubblewrap, command
from tool_runner.adapters.sandbox.root_image import built_image
from tool_runner.adapters.sandbox.seccomp import seccomp_filter


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What the settings of the tool runner say about it."""

    directory: Path
    tier_min: str = "A"
    slots: int = 8
    warm: int = 0
    uid_first: int = 61_000
    packages: Sequence[str] = ()


@asynccontextmanager
async def opened_sandbox(options: SandboxOptions) -> AsyncIterator[BubblewrapSandbox]:
    """A sandbox for as long as the block runs. Raises SandboxUnavailable with the reason and what to do."""
    program = bubblewrap()
    image = await asyncio.to_thread(built_image, options.directory, options.packages)
    kind = BoxKind("A", seccomp_filter(), lambda start: command(start=start))
    async with running_keeper(image, program) as keeper:
        uids = range(options.uid_first, options.uid_first + options.slots)
        async with filled(BubblewrapSandbox(kind, keeper, uids=uids, warm=options.warm)) as sandbox:
            yield sandbox
