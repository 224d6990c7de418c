"""Below which control group are boxes made, whatever is mounted?"""

import os
import sys
import time
from pathlib import Path

import pytest

from tool_runner.adapters.sandbox.control_groups import (
    LEFT_SECONDS,
    ControlGroup,
    Layout,
    found_layout,
    remove_leftovers,
)

ALL = "cpuset cpu io memory hugetlb pids"


def mounted_v2(mount: Path, *groups: str) -> Path:
    """A look-alike of the file system of v2."""
    for group in ("", *groups):
        (mount / group).mkdir(parents=True, exist_ok=True)
        (mount / group / "cgroup.controllers").write_text(ALL)
        (mount / group / "cgroup.subtree_control").write_text("")
    return mount


def own_groups(folder: Path, text: str) -> Path:
    file = folder / "own"
    file.write_text(text)
    return file


def test_v2_makes_them_below_the_own_group_where_it_was_delegated(tmp_path: Path) -> None:
    mount = mounted_v2(tmp_path / "cgroup", "hil.service")
    assert found_layout(mount, own_groups(tmp_path, "0::/hil.service\n")) == Layout({}, mount / "hil.service")
    assert (mount / "hil.service/cgroup.subtree_control").read_text() == "+memory +pids +cpu"


def test_v2_makes_them_below_the_root_where_the_own_group_has_processes(tmp_path: Path) -> None:
    mount = mounted_v2(tmp_path / "cgroup", "session")
    (mount / "session/cgroup.subtree_control").unlink()
    (mount / "session/cgroup.subtree_control").mkdir()  # Cannot be written, as the kernel refuses it.
    assert found_layout(mount, own_groups(tmp_path, "0::/session\n")) == Layout({}, mount)


def test_v2_in_which_nothing_can_be_limited_says_what_to_do(tmp_path: Path) -> None:
    mount = mounted_v2(tmp_path / "cgroup")
    (mount / "cgroup.subtree_control").unlink()
    (mount / "cgroup.subtree_control").mkdir()
    with pytest.raises(OSError, match="delegate one to the tool runner"):
        found_layout(mount, own_groups(tmp_path, "0::/\n"))


def test_v1_with_v2_beside_it_has_limits_in_one_and_the_kill_in_the_other(tmp_path: Path) -> None:
    mount = tmp_path / "cgroup"
    mounted_v2(mount / "unified")
    (mount / "unified/cgroup.controllers").write_text("hugetlb")
    own = own_groups(tmp_path, "8:pids:/\n4:memory:/api/x\n1:cpu,cpuacct:/\n0::/\n")
    folders = {"memory": mount / "memory/api/x", "pids": mount / "pids", "cpu": mount / "cpu"}
    layout = found_layout(mount, own)
    assert (layout.folders, layout.is_v2) == (folders, False)
    assert layout.unified is not None
    assert layout.unified.samefile(mount / "unified")


def test_without_the_controllers_it_says_which_are_missing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no control group of memory, pids"):
        found_layout(tmp_path, own_groups(tmp_path, "1:cpu:/\n"))


def test_two_keepers_with_one_process_id_do_not_meet(tmp_path: Path) -> None:
    """Containers count processes from 1 each, and may share the control groups of their machine."""
    layout = Layout({}, tmp_path)
    assert ControlGroup(layout, 1).folders != ControlGroup(layout, 1).folders
    assert len([*tmp_path.iterdir()]) == 2


def named(folder: Path, owner: str, *, age_seconds: float = 0.0) -> Path:
    left = folder / f"hil-box-{owner}-1-abcdef01"
    left.mkdir()
    os.utime(left, (time.time() - age_seconds,) * 2)
    return left


@pytest.mark.skipif(sys.platform != "linux", reason="there are process namespaces on Linux alone")
def test_only_groups_that_nobody_may_be_about_to_join_are_leftovers(tmp_path: Path) -> None:
    """Another container's keeper is not seen from here, however alive it is."""
    own = os.stat("/proc/self/ns/pid").st_ino
    dead, other = f"{2**30}-{own}", f"{2**30}-{own + 1}"
    alive, just_made = named(tmp_path, f"{os.getpid()}-{own}"), named(tmp_path, other)
    named(tmp_path, dead)
    named(tmp_path, f"1{other}", age_seconds=LEFT_SECONDS + 1)
    named(tmp_path, "7", age_seconds=LEFT_SECONDS + 1)  # Of a version that wrote no namespace.
    remove_leftovers(Layout({}, tmp_path))
    assert {*tmp_path.iterdir()} == {alive, just_made}
    ours = ControlGroup(Layout({}, tmp_path), 1)
    remove_leftovers(Layout({}, tmp_path))
    assert all(folder.exists() for folder in ours.folders)


@pytest.mark.parametrize("v1", [(), ("memory", "pids", "cpu")])
def test_a_group_that_somebody_removed_is_ended_as_any_other(tmp_path: Path, v1: tuple[str, ...]) -> None:
    group = ControlGroup(Layout({name: mounted(tmp_path, name) for name in v1}, mounted(tmp_path, "v2")), 1)
    for folder in group.folders:
        folder.rmdir()
    group.kill()
    assert (group.memory_kills(), group.refused_processes(), group.removed()) == (0, 0, True)


def mounted(mount: Path, name: str) -> Path:
    (mount / name).mkdir()
    return mount / name
