"""Does the attack at the start notice every single rule that is missing?

Each part of the recipe and each group of the filter is taken away in turn. Then something gets through, or the sandbox
does not start: in both cases no code runs."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tool_runner.adapters.sandbox.boxed_sandbox import BoxedSandbox
from tool_runner.adapters.sandbox.keeper_client import running_keeper
from tool_runner.adapters.sandbox.opened import SandboxOptions, bubblewrap_kind, untried_sandbox
from tool_runner.adapters.sandbox.recipe import PARTS, bubblewrap
from tool_runner.adapters.sandbox.root_image import built_image
from tool_runner.adapters.sandbox.seccomp import GROUPS
from tool_runner.adapters.sandbox.self_attack import baits, behind_the_filter, probed, self_attack
from tool_runner.domain.sandbox import SandboxUnavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")
Boxed = Callable[..., BoxedSandbox]
"""Of the rules that are left out."""
REQUIRED = {
    "user": "requires --unshare-user",
    "uts": "requires --unshare-uts",
    "root": "/usr/bin/python3: No such file",
    "null": "Can't remount readonly on /newroot/dev/null",
    "urandom": "Can't remount readonly on /newroot/dev/urandom",
    "disk": "cannot run what attacks it",
}
"""Without these nothing starts."""
NOTICED = {
    "pid": "processes",
    "net": "abstract_socket",
    "ipc": "shared_memory (behind the filter)",
    "hostname": "host_name",
    "no-more-users": "user_namespaces (behind the filter)",
    "session": "process_group",
    "marks": "marks_on_devices",
    "seccomp": "descriptors",
    "arch": "other_architecture",
    "clone3": "threads_work",
    "clone": "namespaces",
    "socket": "socket_families",
    "ioctl": "device_calls",
    "fcntl": "watching",
    "allow": "system_calls",
}
ELSEWHERE = {"die"}
"""What it does is seen when the keeper dies: test_the_keeper.py."""


async def test_no_rule_is_forgotten_here() -> None:
    assert {*REQUIRED, *NOTICED, *ELSEWHERE} == {*PARTS, *GROUPS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def boxed(options: SandboxOptions) -> AsyncIterator[Boxed]:
    """Sandboxes of one keeper, which knows of no rule: each box is closed by its own command and filter."""
    async with running_keeper(built_image(options.directory), bubblewrap()) as keeper:
        uids = range(options.uid_first, options.uid_first + options.slots)
        yield lambda *leave_out: BoxedSandbox(bubblewrap_kind(leave_out), keeper, uids=uids)


@pytest.mark.parametrize("rule", NOTICED)
async def test_without_a_rule_something_gets_through(options: SandboxOptions, boxed: Boxed, rule: str) -> None:
    async with baits(options.directory) as inputs:
        found = await probed(boxed(rule), inputs)
        if "behind" in NOTICED[rule]:
            found += await behind_the_filter(boxed(rule, "seccomp"), inputs)
    assert NOTICED[rule] in {finding.attack for finding in found if finding.through}


@pytest.mark.parametrize("rule", REQUIRED)
async def test_without_a_rule_that_others_need_nothing_starts(options: SandboxOptions, boxed: Boxed, rule: str) -> None:
    async with baits(options.directory) as inputs:
        with pytest.raises(SandboxUnavailable, match=REQUIRED[rule]):
            await probed(boxed(rule), inputs)


async def test_with_all_rules_nothing_gets_through(options: SandboxOptions) -> None:
    async with untried_sandbox(options) as attacked:
        found = await self_attack(attacked, options.directory)
    assert [finding for finding in found if finding.through] == []
    assert len(found) >= 32
