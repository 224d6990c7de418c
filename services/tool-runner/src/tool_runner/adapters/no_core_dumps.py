"""How is the memory of this process, with its keys and tokens, kept from core dumps and other processes?"""

import ctypes
import resource
import sys

PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """For the life of the process: no core dump, and on Linux no other process of the same user may attach to it or
    read its memory and environment. What it starts is not affected: an exec makes a process dumpable again."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE, 0)")
