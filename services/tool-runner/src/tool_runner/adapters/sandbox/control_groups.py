"""Which limits hold for the whole tree of processes of one box? Those of a control group, v1, v2 or both mounted.

Only the control group counts all of a tree: limits of a process multiply with its children (notes: five children of
250 MB each got through). Raises OSError where groups cannot be made."""

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
PERIOD_MICROSECONDS = 100_000
_V1 = ("memory", "pids", "cpu")
_NAME = "hil-box-"
LEFT_SECONDS = 600.0
"""A group that was made so long ago and is empty is joined by nobody any more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where groups are made: one folder for each of the v1 hierarchies, or the one of v2 alone. `unified` is the v2
    folder, there in hybrid mounts, too; it has the kill of a whole tree."""

    folders: dict[str, Path]
    unified: Path | None

    @property
    def is_v2(self) -> bool:
        """All limits are in the one hierarchy."""
        return not self.folders


def found_layout(mount: Path = MOUNT, own: Path = Path("/proc/self/cgroup")) -> Layout:
    """Under the group of this process. Raises OSError where the controllers that are needed are not there."""
    paths = {}
    for line in own.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update({name: path.lstrip("/") for name in controllers.split(",")})
    unified = next((path for path in (mount, mount / "unified") if (path / "cgroup.controllers").exists()), None)
    home = None if unified is None else unified / paths.get("", "")
    if unified is not None and set(_V1) <= set((unified / "cgroup.controllers").read_text().split()):
        assert home is not None
        return Layout({}, _parent_in_v2(home, unified))
    folders = {name: mount / name / paths[name] for name in _V1 if name in paths}
    if len(folders) < len(_V1):
        raise OSError(f"no control group of {', '.join(sorted(set(_V1) - set(folders)))} for this process")
    return Layout(folders, home)


def _parent_in_v2(home: Path, root: Path) -> Path:
    """A group that has processes may not have groups with limits below it, unless it is the root of all: so the own
    group where it was delegated, else the root."""
    refused = None
    for parent in (home, root):
        try:
            (parent / "cgroup.subtree_control").write_text("+memory +pids +cpu")
        except OSError as error:
            refused = error
        else:
            return parent
    raise OSError(f"no control group v2 below which limits can be set ({refused}); delegate one to the tool runner")


def remove_leftovers(layout: Layout) -> None:
    """Empty groups of an owner that was killed. A group is empty until its first process has joined it, too, and the
    owners of other containers cannot be seen: what is not surely left is removed when nobody can be joining it."""
    for parent in (*layout.folders.values(), *([layout.unified] if layout.unified else [])):
        for group in parent.glob(f"{_NAME}*"):
            if _is_left(group):
                _removed(group)


def _is_left(group: Path) -> bool:
    owner, namespace, *_ = [*group.name.removeprefix(_NAME).split("-"), ""]
    if namespace == _process_namespace() and not Path(f"/proc/{owner}").exists():
        return True
    try:
        return time.time() - group.stat().st_mtime > LEFT_SECONDS
    except FileNotFoundError:
        return False


def _process_namespace() -> str:
    """In which process ids have the meaning that they have here."""
    return str(os.stat("/proc/self/ns/pid").st_ino)


class ControlGroup:
    """The limits of one box, from before its first process to after its last."""

    def __init__(self, layout: Layout, number: int) -> None:
        # Another container may have this process id, too.
        name = f"{_NAME}{os.getpid()}-{_process_namespace()}-{number}-{os.urandom(4).hex()}"
        self._v1 = {controller: folder / name for controller, folder in layout.folders.items()}
        self._v2 = layout.unified / name if layout.unified else None
        self._limits_in_v2 = layout.is_v2
        self.folders = [*self._v1.values(), *([self._v2] if self._v2 else [])]
        try:
            for folder in self.folders:
                folder.mkdir()
        except OSError:  # Half of a group limits nothing.
            self.removed()
            raise

    def limit(self, *, memory_bytes: int, processes: int, cpu_share: float | None) -> None:
        """`memory_bytes` 0 and `cpu_share` None: as much as there is, for a start."""
        quota = "max" if cpu_share is None else str(int(cpu_share * PERIOD_MICROSECONDS))
        if self._limits_in_v2:
            assert self._v2 is not None
            if memory_bytes:
                _write(self._v2 / "memory.swap.max", "0")
                _write(self._v2 / "memory.max", str(memory_bytes))
            _write(self._v2 / "memory.oom.group", "1")
            _write(self._v2 / "pids.max", str(processes))
            _write(self._v2 / "cpu.max", f"{quota} {PERIOD_MICROSECONDS}")
            return
        if memory_bytes:
            self._limit_memory_v1(str(memory_bytes))
        _write(self._v1["pids"] / "pids.max", str(processes))
        _write(self._v1["cpu"] / "cpu.cfs_period_us", str(PERIOD_MICROSECONDS))
        _write(self._v1["cpu"] / "cpu.cfs_quota_us", "-1" if cpu_share is None else quota)

    def _limit_memory_v1(self, amount: str) -> None:
        """Memory and swap together may never be less than memory alone, so the order depends on what was there."""
        folder = self._v1["memory"]
        files = ["memory.limit_in_bytes"]
        if (folder / "memory.memsw.limit_in_bytes").exists():  # Not there where the kernel does not count swap.
            files.append("memory.memsw.limit_in_bytes")
        smaller = int(amount) < int((folder / files[0]).read_text())
        for file in files if smaller else reversed(files):
            _write(folder / file, amount)

    def join(self) -> None:
        """Called in the new process, while it may still write here."""
        for folder in self.folders:
            _write(folder / "cgroup.procs", "0")

    def kill(self) -> None:
        """Everything in it, at once. Nothing is in a group that somebody removed."""
        if self._v2 is not None and (self._v2 / "cgroup.kill").exists():
            with _removed_meanwhile():
                _write(self._v2 / "cgroup.kill", "1")
            return
        for pid in _read(self.folders[0] / "cgroup.procs").split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def memory_kills(self) -> int:
        """How often the kernel ended a process for want of memory."""
        file = "memory.events" if self._limits_in_v2 else "memory.oom_control"
        folder = self._v2 if self._limits_in_v2 else self._v1["memory"]
        assert folder is not None
        return _count(folder / file, "oom_kill")

    def refused_processes(self) -> int:
        """How often a process was not made because there were too many."""
        folder = self._v2 if self._limits_in_v2 else self._v1["pids"]
        assert folder is not None
        return _count(folder / "pids.events", "max")

    def removed(self) -> bool:
        """Remove it; False while something in it is still ending."""
        return all([_removed(folder) for folder in self.folders])


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _read(file: Path) -> str:
    """Nothing where the group was removed."""
    with _removed_meanwhile():
        return file.read_text()
    return ""


@contextmanager
def _removed_meanwhile() -> Iterator[None]:
    """The kernel says so when a file of it is opened, or when one that is open is used."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise


def _count(file: Path, name: str) -> int:
    for line in _read(file).splitlines():
        key, _, number = line.partition(" ")
        if key == name:
            return int(number)
    return 0


def now() -> float:
    """Seconds of the clock that deadlines are told by."""
    return time.monotonic()
