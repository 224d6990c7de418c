"""How is the memory of this process, with its keys and tokens, kept from core dumps and other processes?"""

import ctypes
import resource
import sys

PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """For the life of the process: no core dump, and on Linux no other process of the same user may attach to it or
    read its memory and environment. What it starts is not affected: an exec makes a process dumpable again."""
    # With a limit of 0 a program that the system names for cores would still get one; with 1 nobody does (core(5)).
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    amount = 1 if hard == resource.RLIM_INFINITY else min(hard, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (amount, amount))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE, 0)")
