"""With which command does a tool server run that sees its programs, its own folder and no more?

A server that its owner installed is trusted further than code of a model: it gets /proc, programs of the machine to
read, a folder that stays, and the network where the manifest says so. It has no filter of system calls, and its limits
are those of its manifest. Where the tool runner is root, so is the server in its box, without any capability: files of
root are then its own, and what is the machine's is read-only (settings under /proc/sys, the modes of devices)."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from tool_runner.adapters.sandbox.recipe import bubblewrap

_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt")
_SYSTEM = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "passwd", "group"),
    *("ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf"),  # Beside them lie private keys.
    *("pki/ca-trust", "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf"),
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
"""Those that bubblewrap puts into every /dev."""
_NETWORK = ("resolv.conf", "hosts", "nsswitch.conf", "ca-certificates", "services", "gai.conf")


class ServerNetwork(StrEnum):
    """What it may reach."""

    NONE = "none"
    HOST = "host"


def sandboxed_command(
    command: Sequence[str], *, state_dir: Path, network: ServerNetwork, readable: Sequence[Path] = ()
) -> list[str]:
    """The command in a box. `state_dir` is made here, and all that it may write; `readable` are files and folders
    beside the machine's programs and this interpreter's packages. Raises SandboxUnavailable, and OSError for a folder
    that cannot be made."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = str(state_dir.resolve())
    namespaces = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"]
    if network is ServerNetwork.NONE:
        namespaces.append("--unshare-net")
    seen = [part for path in _seen(command, network, readable) for part in ("--ro-bind-try", path, path)]
    return [
        str(bubblewrap()),
        *namespaces,
        *("--hostname", "sandbox", "--disable-userns", "--cap-drop", "ALL", "--new-session", "--die-with-parent"),
        *("--tmpfs", "/", "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", *_closed_devices()),
        *("--perms", "0700", "--tmpfs", "/tmp"),  # noqa: S108
        *(*seen, "--bind", state, state, "--chdir", state, "--remount-ro", "/", "--", *command),
    ]


def _seen(command: Sequence[str], network: ServerNetwork, readable: Sequence[Path]) -> Iterator[str]:
    yield from _PROGRAMS
    yield from (f"/etc/{name}" for name in _SYSTEM)
    if network is ServerNetwork.HOST:
        yield from (f"/etc/{name}" for name in _NETWORK)
    prefixes = sorted({sys.prefix, sys.base_prefix})
    yield from prefixes
    program = shutil.which(command[0])
    if program is not None and not os.path.abspath(program).startswith((*_PROGRAMS, *prefixes)):
        yield os.path.abspath(program)
    yield from (str(path.resolve()) for path in readable)


def _closed_devices() -> Iterator[str]:
    """Each is the machine's own: what may be written into it must not be taken from others (chmod)."""
    for name in _DEVICES:
        yield from ("--remount-ro", f"/dev/{name}")
