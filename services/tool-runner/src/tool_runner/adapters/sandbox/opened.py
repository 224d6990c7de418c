"""How does the tool runner get a sandbox that holds on this machine?"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tool_runner.adapters.sandbox.box import BoxKind
from tool_runner.adapters.sandbox.bubblewrap_sandbox import BubblewrapSandbox, kept_warm
from tool_runner.adapters.sandbox.keeper_client import running_keeper
from tool_runner.adapters.sandbox.recipe import bubblewrap, command
from tool_runner.adapters.sandbox.root_image import built_image
from tool_runner.adapters.sandbox.seccomp import GROUPS, seccomp_filter
from tool_runner.adapters.sandbox.self_attack import Attacked, Finding, self_attack
from tool_runner.domain.sandbox import SandboxUnavailable

TIERS = ("A", "C")
"""From the weaker to the stronger: one kernel with all fences of it; a kernel of its own."""


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
    """A sandbox for as long as the block runs, after it has withstood its own attacks. Raises SandboxUnavailable with
    the reason and what to do: code runs in what holds, or not at all."""
    check_tier("A", options.tier_min)
    async with untried_sandbox(options) as attacked:
        through = [finding for finding in await self_attack(attacked, options.directory) if finding.through]
        if through:
            told = "; ".join(f"{finding.attack}: {finding.through}" for finding in through)
            raise SandboxUnavailable(f"the sandbox does not hold on this machine ({told}); see docs/sandbox.md")
        async with kept_warm(attacked.whole, options.warm):
            yield attacked.whole


def check_tier(offered: str, tier_min: str) -> None:
    """Raises SandboxUnavailable for a tier that is weaker than what is demanded."""
    if TIERS.index(offered) < TIERS.index(tier_min):
        raise SandboxUnavailable(
            f"TOOL_RUNNER_SANDBOX_TIER_MIN is {tier_min} and this sandbox is of tier {offered}; see docs/sandbox.md"
        )


async def findings(options: SandboxOptions) -> list[Finding]:
    """Every attack and what it reached. Raises SandboxUnavailable where nothing runs at all."""
    async with untried_sandbox(options) as attacked:
        return await self_attack(attacked, options.directory)


@dataclass(frozen=True, slots=True)
class Untried(Attacked):
    """What may be attacked, and nothing else."""

    whole: BubblewrapSandbox


@asynccontextmanager
async def untried_sandbox(options: SandboxOptions, *, leave_out: Collection[str] = ()) -> AsyncIterator[Untried]:
    """For what attacks it. `leave_out` names parts of the recipe and groups of the filter, which tests take away."""
    if os.geteuid() != 0:
        raise SandboxUnavailable(
            "the embedded sandbox is started by root alone, which gives each piece of code a user and a control group "
            "of its own; run the tool runner as root in a container that may make namespaces (docs/sandbox.md)"
        )
    program = bubblewrap()
    image = await asyncio.to_thread(built_image, options.directory, options.packages)
    uids = range(options.uid_first, options.uid_first + options.slots)
    async with running_keeper(image, program) as keeper:
        whole, unfiltered = (
            BubblewrapSandbox(box_kind(left_out), keeper, uids=uids)
            for left_out in (leave_out, {*leave_out, "seccomp"})
        )
        yield Untried(whole, unfiltered, options.slots)


def box_kind(leave_out: Collection[str] = ()) -> BoxKind:
    """The recipe and the filter."""
    filtered = seccomp_filter([name for name in leave_out if name in GROUPS])
    parts = [name for name in leave_out if name not in GROUPS]
    return BoxKind("A", filtered, lambda start: command(start=start, leave_out=parts))
