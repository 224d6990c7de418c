"""Do the limits of a boxed tool server hold for all of its processes together, and is its control group removed?"""

import os
import sys
from pathlib import Path

import pytest

from tests.support.wait_until import wait_until
from tool_runner.adapters.mcp_process import Launch, ServerBox, spawned
from tool_runner.adapters.sandbox import server_group
from tool_runner.adapters.sandbox.control_groups import MOUNT, ControlGroup, found_layout
from tool_runner.adapters.sandbox.server_group import layout_for_servers
from tool_runner.domain.sandbox import SandboxUnavailable

MIB = 1024 * 1024
FORKS = """
import os, signal
children = 0
try:
    while children < 300:
        if os.fork() == 0: signal.pause()
        children += 1
except BlockingIOError: pass
open("new", "w").write(str(children)); os.rename("new", "children")
os.read(0, 1)
"""
FILLS = """
import os, signal
for _ in range(8):
    if os.fork() == 0:
        held = b"x" * (16 << 20)
        signal.pause()
os.wait()  # One of them was killed; under v2, all are.
open("killed", "w").close()
os.read(0, 1)
"""


def _why_not() -> str:
    try:
        ControlGroup(found_layout(), 0).removed()
    except OSError as error:
        return f"no control groups here: {error}"
    return ""


pytestmark = pytest.mark.skipif(sys.platform != "linux" or bool(_why_not()), reason="control groups are needed")


def launch(program: str, folder: Path, memory_bytes_max: int = 0) -> Launch:
    box = ServerBox(processes_max=16)
    command = (sys.executable, "-I", "-S", "-c", program)
    return Launch(command, name="shop", memory_bytes_max=memory_bytes_max, box=box).boxed(folder, 61_099)


def groups_of(process: int) -> list[Path]:
    return [*MOUNT.rglob(f"hil-box-{process}-*")]


async def test_all_processes_of_a_boxed_server_are_counted_and_nothing_of_them_is_left(tmp_path: Path) -> None:
    async with spawned(launch(FORKS, tmp_path)):
        assert groups_of(os.getpid()) != []
        children = tmp_path / "shop" / "children"
        await wait_until(children.exists)
        assert children.read_text() == str(16 - 3)  # bubblewrap has two, and the server itself is one.
    assert groups_of(os.getpid()) == []


async def test_children_of_a_boxed_server_share_one_limit_of_memory(tmp_path: Path) -> None:
    async with spawned(launch(FILLS, tmp_path, memory_bytes_max=96 * MIB)) as running:
        await wait_until(lambda: running.ended or (tmp_path / "shop" / "killed").exists())


def test_the_group_of_a_tool_runner_that_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    if (killed := os.fork()) == 0:
        ControlGroup(found_layout(), 0)
        os._exit(0)
    os.waitpid(killed, 0)
    assert groups_of(killed) != []
    layout_for_servers("shop")
    assert groups_of(killed) == []


@pytest.mark.parametrize(("user", "refused"), [(0, True), (1000, False)])
def test_where_no_group_can_be_made_root_is_refused_and_others_have_limits_of_each_process(
    monkeypatch: pytest.MonkeyPatch, user: int, *, refused: bool
) -> None:
    def not_here() -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr(server_group, "found_layout", not_here)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    if refused:
        with pytest.raises(SandboxUnavailable, match=r"servers\.shop\.sandbox: .*read-only.*write control groups"):
            layout_for_servers("shop")
    else:
        assert layout_for_servers("shop") is None
