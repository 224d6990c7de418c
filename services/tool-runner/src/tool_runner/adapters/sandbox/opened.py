"""How does the tool runner get a sandbox that holds on this machine?"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tool_runner.adapters.sandbox import gvisor
from tool_runner.adapters.sandbox.boxed_sandbox import BoxedSandbox, kept_warm
from tool_runner.adapters.sandbox.gvisor import gvisor_kind
from tool_runner.adapters.sandbox.keeper_client import running_keeper
from tool_runner.adapters.sandbox.kubernetes.kubernetes_sandbox import ClusterOptions, running_in_cluster
from tool_runner.adapters.sandbox.kubernetes.pod_attack import pod_attack
from tool_runner.adapters.sandbox.recipe import BubblewrapKind, bubblewrap
from tool_runner.adapters.sandbox.restarted import Open, Restarts, restarted
from tool_runner.adapters.sandbox.root_image import built_image
from tool_runner.adapters.sandbox.seccomp import GROUPS, seccomp_filter
from tool_runner.adapters.sandbox.self_attack import Attacked, Finding, self_attack
from tool_runner.domain.sandbox import Sandbox, SandboxUnavailable

BACKENDS = {"bubblewrap": "A", "gvisor": "C", "kubernetes": "C"}
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
    backend: str = "bubblewrap"
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    restarts: Restarts = field(default_factory=Restarts)


@asynccontextmanager
async def opened_sandbox(options: SandboxOptions) -> AsyncIterator[Sandbox]:
    """A sandbox for as long as the block runs, after it has withstood its own attacks. Raises SandboxUnavailable with
    the reason and what to do: code runs in what holds, or not at all."""
    check_tier(BACKENDS[options.backend], options.tier_min)
    if options.backend == "kubernetes":
        async with _in_cluster(options) as (sandbox, found):
            check_held(found)
            yield sandbox
        return
    async with restarted(partial(_held, options), options.restarts) as sandbox:
        yield sandbox


@asynccontextmanager
async def _held(options: SandboxOptions) -> AsyncIterator[Open]:
    async with untried_sandbox(options) as attacked:
        check_held(await self_attack(attacked, options.directory))
        async with kept_warm(attacked.whole, options.warm):
            yield Open(attacked.whole, attacked.gone)


def check_held(found: Sequence[Finding]) -> None:
    """Raises SandboxUnavailable if anything got through."""
    through = "; ".join(f"{finding.attack}: {finding.through}" for finding in found if finding.through)
    if through:
        raise SandboxUnavailable(f"the sandbox does not hold on this machine ({through}); see docs/sandbox.md")


@asynccontextmanager
async def _in_cluster(options: SandboxOptions) -> AsyncIterator[tuple[Sandbox, list[Finding]]]:
    if options.packages:
        raise SandboxUnavailable(
            "TOOL_RUNNER_SANDBOX_PACKAGES: with Kubernetes, code may import what its image has; unset it, and name an "
            "image with these packages in TOOL_RUNNER_SANDBOX_KUBERNETES_IMAGE"
        )
    async with running_in_cluster(options.cluster, slots=options.slots) as sandbox:
        url = options.cluster.address.url
        yield sandbox, await pod_attack(sandbox, api_url=url, at_once=options.slots)


def check_tier(offered: str, tier_min: str) -> None:
    """Raises SandboxUnavailable for a tier that is weaker than what is demanded."""
    if TIERS.index(offered) < TIERS.index(tier_min):
        raise SandboxUnavailable(
            f"TOOL_RUNNER_SANDBOX_TIER_MIN is {tier_min} and this sandbox is of tier {offered}; see docs/sandbox.md"
        )


async def findings(options: SandboxOptions) -> list[Finding]:
    """Every attack and what it reached. Raises SandboxUnavailable where nothing runs at all."""
    if options.backend == "kubernetes":
        async with _in_cluster(options) as (_, found):
            return found
    async with untried_sandbox(options) as attacked:
        return await self_attack(attacked, options.directory)


@dataclass(frozen=True, slots=True)
class Untried(Attacked):
    """What may be attacked, and nothing else; its keeper may be gone."""

    whole: BoxedSandbox
    gone: asyncio.Event = field(kw_only=True)


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
        if options.backend == "gvisor":
            with tempfile.TemporaryDirectory(prefix="gvisor-", dir=options.directory) as own:
                whole = BoxedSandbox(gvisor_kind(Path(own)), keeper, uids=uids)
                yield Untried(whole, None, options.slots, gvisor.PROBES, gvisor.LIMITS, gone=keeper.gone)
        else:
            unfiltered = BoxedSandbox(bubblewrap_kind({*leave_out, "seccomp"}), keeper, uids=uids)
            whole = BoxedSandbox(bubblewrap_kind(leave_out), keeper, uids=uids)
            yield Untried(whole, unfiltered, options.slots, gone=keeper.gone)


def bubblewrap_kind(leave_out: Collection[str] = ()) -> BubblewrapKind:
    """The recipe and the filter."""
    filtered = seccomp_filter([name for name in leave_out if name in GROUPS])
    return BubblewrapKind(filtered, tuple(name for name in leave_out if name not in GROUPS))
