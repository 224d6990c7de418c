"""What does code find when it tries to get out of its pod? Runs inside; each probe says what got through."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_GET_NO_NEW_PRIVS = 39
_READ_ALL, _LOG_BYTES = 3, 1 << 16


def network(inputs: dict[str, Any]) -> str:
    """The cluster's own API, which every cluster has, and what else the tool runner names."""
    through = []
    for host, port in inputs["addresses"]:
        try:
            with socket.create_connection((host, port), timeout=2):
                through.append(f"{host}:{port}")
        except OSError:
            pass
    return ", ".join(through)


def names(inputs: dict[str, Any]) -> str:
    """A name service: what is asked of it leaves the cluster."""
    try:
        return str(socket.getaddrinfo("kubernetes.default.svc", 443)[0][4][0])
    except OSError:
        return ""


def token(inputs: dict[str, Any]) -> str:
    """A service account's."""
    return "/var/run/secrets" if os.path.exists("/var/run/secrets") else ""


def environment(inputs: dict[str, Any]) -> str:
    """Variables that are not the pod's own script's."""
    return ", ".join(set(os.environ) - {"PATH", "HOME", "LANG", "PWD"})  # noqa: TID251 - the pod's own


def descriptors(inputs: dict[str, Any]) -> str:
    """Files that somebody left open."""
    found = []
    for number in range(1024):
        try:
            os.fstat(number)
        except OSError:
            continue
        if number not in (0, 1, 2, 4):
            found.append(str(number))
    return ", ".join(found)


def rights(inputs: dict[str, Any]) -> str:
    """More than a user without any has."""
    found = [] if _LIBC.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 else ["programs may raise its rights"]
    os.close(os.open("/box/closed", os.O_CREAT | os.O_WRONLY, 0))
    try:
        os.close(os.open("/box/closed", os.O_RDONLY))
        found.append("reads what nobody may read")
    except PermissionError:
        pass
    return ", ".join([*found, *(["is root"] if 0 in (os.getuid(), os.geteuid()) else [])])


def writable_places(inputs: dict[str, Any]) -> str:
    """Files outside of /box and /tmp. Where a user may not write and nobody can, gVisor says EACCES and Linux EROFS;
    /var/tmp is everybody's in most images, and shows whether they are read-only at all."""
    through = []
    for folder in ("/", "/etc", "/usr", "/usr/bin", "/job", "/var/tmp", sys.prefix):  # noqa: S108 - it is an attack
        try:
            os.close(os.open(os.path.join(folder, "planted"), os.O_CREAT | os.O_WRONLY))
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES, errno.ENOENT):
                through.append(f"{folder} ({error.strerror})")
        else:
            through.append(folder)
    return ", ".join(through)


def kernel(inputs: dict[str, Any]) -> str:
    """The node's: gVisor's says in its log who it is."""
    text = ctypes.create_string_buffer(_LOG_BYTES)
    if _LIBC.klogctl(_READ_ALL, text, _LOG_BYTES) > 0 and b"gVisor" in text.raw:
        return ""
    return f"{os.uname().release}, which is not gVisor's: does the RuntimeClass name runsc?"


def threads_work(inputs: dict[str, Any]) -> str:
    """Not an attack: a sandbox in which honest code fails is none either."""
    ran: list[int] = []
    thread = threading.Thread(target=ran.append, args=(1,))
    thread.start()
    thread.join(5)
    child = os.fork()
    if child == 0:
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return "" if ran == [1] and status == 0 else "threads or processes do not work"


PROBES: dict[str, Callable[[dict[str, Any]], str]] = {
    probe.__name__: probe
    for probe in (
        *(network, names, token, environment, descriptors, rights, writable_places, kernel),
        threads_work,
    )
}


def attacked(inputs: dict[str, Any]) -> dict[str, str]:
    """What got through, by probe."""
    found = {}
    for name, probe in PROBES.items():
        try:
            found[name] = probe(inputs)
        except (OSError, RuntimeError) as error:
            found[name] = f"could not be tried: {error}"
    return found
