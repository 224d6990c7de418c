"""How does a child process die together with the process that started it?

Run as a file by `processes.py`: `python -I -S guard.py <pid of the parent> <program> [argument ...]`.
It asks the kernel to send SIGKILL when the parent ends, even by kill -9, and then becomes the program.
This happens in a fresh interpreter rather than in a `preexec_fn`, because running Python between fork and
exec can deadlock when the parent has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(parent_pid: int, command: list[str]) -> None:
    """Replace this process by `command`, bound to the life of `parent_pid`; never returns."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # The parent ended before the request to the kernel: nobody would end us.
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command comes from our own table, no shell is involved


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
