"""How does a tool server start with limits of its own? This file runs as a script, then becomes the server.

It imports the standard library alone. A hook between fork and exec would run in a process with threads; a small
program of its own does not (13 ms once a start)."""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
KEYCTL_JOIN_SESSION_KEYRING = 1
KEYCTL = {"x86_64": 250, "aarch64": 219}
"""Number of the call, for which the C library has no name."""
RESERVED = 16
"""Address space for each byte of data: runtimes such as V8 reserve gigabytes that they never touch."""


def main(memory_bytes: str, cpu_seconds: str, parent: str, groups: str, *command: str) -> None:
    """Arguments: memory and CPU limit (0 is none), process id of the runner, folders of control groups with colons
    between them, then the command."""
    die_with(int(parent))
    join(groups)
    leave_session_keys()
    allows_cores = resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
    limits = {
        resource.RLIMIT_CORE: int(allows_cores),  # With 0 a program that the system names for cores still gets one.
        resource.RLIMIT_DATA: int(memory_bytes) or None,
        resource.RLIMIT_AS: int(memory_bytes) * RESERVED or None,
        resource.RLIMIT_CPU: int(cpu_seconds) or None,
    }
    for limit, amount in limits.items():
        if amount is not None:
            resource.setrlimit(limit, (amount, amount))
    os.execvp(command[0], command)  # noqa: S606 - the command of the servers file, without a shell


def die_with(parent: int) -> None:
    """A runner that is killed must not leave a server behind that goes on with its call."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def join(groups: str) -> None:
    """Before the limits and the command, so that nothing of it is outside."""
    for folder in filter(None, groups.split(":")):
        with open(f"{folder}/cgroup.procs", "w") as processes:
            processes.write("0")


def leave_session_keys() -> None:
    """Keys of the session that started the tool runner (Kerberos, encrypted folders) go to every child that does not
    take a session of its own, in a box or not. Where the call is refused, the server may not make it either."""
    number = KEYCTL.get(os.uname().machine)
    if sys.platform == "linux" and number is not None:
        ctypes.CDLL(None).syscall(number, KEYCTL_JOIN_SESSION_KEYRING, None)


if __name__ == "__main__":
    main(*sys.argv[1:])
