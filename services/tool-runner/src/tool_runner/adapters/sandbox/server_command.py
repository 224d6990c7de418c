"""With which command does a tool server run that sees its programs, its own folder and no more?

A server that its owner installed is trusted further than code of a model: it gets /proc, programs of the machine to
read, a folder that stays, and the network where the manifest says so. It has no filter of system calls, and its limits
are those of its manifest. Where the tool runner is root, the server is a user of its own, whom its folder is given to:
root without capabilities would still read what only root may, and be root for local sockets. What is the machine's is
read-only in any case (settings under /proc/sys, the modes of devices)."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from tool_runner.adapters.sandbox.own_view import PLACE, PROGRAM
from tool_runner.adapters.sandbox.recipe import bubblewrap
from tool_runner.adapters.sandbox.server_user import give_folder

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
    command: Sequence[str],
    *,
    state_dir: Path,
    network: ServerNetwork,
    readable: Sequence[Path] = (),
    uid: int | None = None,
) -> list[str]:
    """The command in a box. `state_dir` is made here, and all that it may write; `readable` are files and folders
    beside the machine's programs and this interpreter's packages; `uid` is whom root makes of it. Raises
    SandboxUnavailable, and OSError for a folder that cannot be made."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    state, program = str(state_dir.resolve()), bubblewrap()
    seen = [*_seen(command, network, readable)]
    if uid is None:
        return [str(program), *_recipe(network), *_binds(zip(seen, seen, strict=True), (state, state)), "--", *command]
    give_folder(Path(state), uid)
    places = [str(PLACE / str(number)) for number in range(len(seen) + 1)]
    return [
        *(sys.executable, "-I", "-m", "tool_runner.adapters.sandbox.enter_box", str(os.getpid()), str(uid)),
        *(str(program), json.dumps(dict(zip(places, (*seen, state), strict=True))), str(PROGRAM)),
        *(*_recipe(network), "--uid", "0", "--gid", "0"),  # As it is named inside, where users are looked up.
        *(*_binds(zip(places, seen, strict=False), (places[-1], state)), "--", *command),
    ]


def _recipe(network: ServerNetwork) -> list[str]:
    namespaces = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"]
    if network is ServerNetwork.NONE:
        namespaces.append("--unshare-net")
    return [
        *namespaces,
        *("--hostname", "sandbox", "--disable-userns", "--cap-drop", "ALL", "--new-session", "--die-with-parent"),
        *("--tmpfs", "/", "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", *_closed_devices()),
        *("--perms", "0700", "--tmpfs", "/tmp"),  # noqa: S108
    ]


def _binds(seen: Iterable[tuple[str, str]], state: tuple[str, str]) -> list[str]:
    """Each from where it is to where it is seen."""
    read_only = [part for source, path in seen for part in ("--ro-bind-try", source, path)]
    return [*read_only, "--bind", *state, "--chdir", state[1], "--remount-ro", "/"]


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
