"""Below which control group are boxes made, whatever is mounted?"""

from pathlib import Path

import pytest

from tool_runner.adapters.sandbox.control_groups import ControlGroup, Layout, found_layout

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
