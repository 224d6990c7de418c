"""Which system calls may code in the sandbox make? A filter for the kernel, built without any library.

Groups, in the order in which the kernel asks them:
- `arch`: 32-bit calls (int 0x80) have other numbers, so that an allowed number would be another call: killed.
- `clone3`: its flags lie in memory, where a filter cannot look: "no such call", and the C library takes clone.
- `clone`: without flags that make namespaces.
- `socket`: of the local family alone; a network namespace does not close AF_VSOCK, AF_ALG and the like.
- `ioctl`: those that file objects ask; drivers and network devices have hundreds of others.
- `fcntl`: without those that tell or delay who opens a file of the image, which all boxes share.
- `allow`: everything else that is not listed is refused. (The x32 calls need no group of their own: their numbers
  have bit 30 set, so that they are on no list.)"""

import struct
from collections.abc import Collection, Iterable, Iterator

from tool_runner.adapters.sandbox.syscalls import ALLOWED, CLONE, CLONE3, FCNTL, IOCTL, SOCKET, SOCKETPAIR

GROUPS = ("arch", "clone3", "clone", "socket", "ioctl", "fcntl", "allow")
_X86_64 = 0xC000003E
_NAMESPACES = 0x7E020080  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME
_AF_UNIX = 1
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_FCNTLS_REFUSED = (0x400, 0x402)  # F_SETLEASE F_NOTIFY
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT, _SECOND_ARGUMENT_AT = 0, 4, 16, 24
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000


def seccomp_filter(leave_out: Collection[str] = ()) -> bytes:
    """The program, as `bwrap --seccomp` reads it. Groups are left out by tests alone, which show what each is for."""
    unknown = set(leave_out) - set(GROUPS)
    assert not unknown, f"no groups of the filter: {unknown}"
    parts = {
        "arch": list(_arch()),
        "number": [_instruction(_LOAD, _NUMBER_AT)],
        "clone3": [_instruction(_EQUAL, CLONE3, 0, 1), _instruction(_RETURN, _ERROR | _ENOSYS)],
        "clone": list(_clone()),
        "socket": [*_local_alone(SOCKET), *_local_alone(SOCKETPAIR)],
        "ioctl": list(_ioctl()),
        "fcntl": list(_fcntl()),
        "allow": [*_allowed(ALLOWED.values()), _instruction(_RETURN, _ERROR | _EPERM)],
    }
    unchecked = {
        "clone": _allowed([CLONE]),
        "socket": _allowed([SOCKET, SOCKETPAIR]),
        "ioctl": _allowed([IOCTL]),
        "fcntl": _allowed([FCNTL]),
        "allow": [_instruction(_RETURN, _ALLOW)],
    }
    chosen = (unchecked.get(name, []) if name in leave_out else part for name, part in parts.items())
    return b"".join(instruction for part in chosen for instruction in part)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _arch() -> Iterator[bytes]:
    yield _instruction(_LOAD, _ARCH_AT)
    yield _instruction(_EQUAL, _X86_64, 1, 0)
    yield _instruction(_RETURN, _KILL)


def _clone() -> Iterator[bytes]:
    yield _instruction(_EQUAL, CLONE, 0, 4)
    yield _instruction(_LOAD, _FIRST_ARGUMENT_AT)
    yield _instruction(_ANY_BIT, _NAMESPACES, 0, 1)
    yield _instruction(_RETURN, _ERROR | _EPERM)
    yield _instruction(_RETURN, _ALLOW)


def _local_alone(number: int) -> Iterator[bytes]:
    yield _instruction(_EQUAL, number, 0, 4)
    yield _instruction(_LOAD, _FIRST_ARGUMENT_AT)
    yield _instruction(_EQUAL, _AF_UNIX, 1, 0)
    yield _instruction(_RETURN, _ERROR | _EAFNOSUPPORT)
    yield _instruction(_RETURN, _ALLOW)


def _ioctl() -> Iterator[bytes]:
    yield _instruction(_EQUAL, IOCTL, 0, len(_IOCTLS) + 3)
    yield _instruction(_LOAD, _SECOND_ARGUMENT_AT)
    for position, request in enumerate(_IOCTLS):
        yield _instruction(_EQUAL, request, len(_IOCTLS) - position, 0)
    yield _instruction(_RETURN, _ERROR | _EPERM)
    yield _instruction(_RETURN, _ALLOW)


def _fcntl() -> Iterator[bytes]:
    refused = len(_FCNTLS_REFUSED)
    yield _instruction(_EQUAL, FCNTL, 0, refused + 3)
    yield _instruction(_LOAD, _SECOND_ARGUMENT_AT)
    for position, command in enumerate(_FCNTLS_REFUSED):
        yield _instruction(_EQUAL, command, refused - position, 0)
    yield _instruction(_RETURN, _ALLOW)
    yield _instruction(_RETURN, _ERROR | _EPERM)


def _allowed(numbers: Iterable[int]) -> list[bytes]:
    return [
        instruction
        for number in sorted(numbers)
        for instruction in (_instruction(_EQUAL, number, 0, 1), _instruction(_RETURN, _ALLOW))
    ]
