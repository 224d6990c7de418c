"""What does code find when it tries to get out of its box? Runs inside; each probe says what got through, or nothing.

A probe looks at one fence at a time where two stand behind each other: an error of the wrong kind tells that the first
of them is missing, although the second held."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import stat
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_GET_NO_NEW_PRIVS = 39
_CLONE_NEWUSER, _SIGCHLD = 0x10000000, 17
_OPEN_HERE = {0, 1, 2, 4}
_ROOT = {"bin", "box", "dev", "etc", "lib", "lib64", "tmp", "usr"}
_FAMILIES = {"INET": 2, "INET6": 10, "NETLINK": 16, "PACKET": 17, "TIPC": 30, "ALG": 38, "VSOCK": 40, "XDP": 44}
_REFUSED = {
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_open": 434, "pidfd_getfd": 438,
    "keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323,
    "io_uring_setup": 425, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "setns": 308,
    "unshare": 272, "fsopen": 430, "open_tree": 428, "move_mount": 429, "mount_setattr": 442, "mknod": 133,
    "mknodat": 259, "chown": 92, "fchownat": 260, "setuid": 105, "setresuid": 117, "setgroups": 116,
    "personality": 135, "kexec_load": 246, "init_module": 175, "finit_module": 313, "swapon": 167, "reboot": 169,
    "sethostname": 170, "syslog": 103, "acct": 163, "settimeofday": 164, "clock_settime": 227, "quotactl": 179,
    "iopl": 172, "modify_ldt": 154, "name_to_handle_at": 303, "open_by_handle_at": 304, "fanotify_init": 300,
    "shmget": 29, "msgget": 68, "semget": 64, "mq_open": 240, "splice": 275, "vmsplice": 278, "lookup_dcookie": 212,
    "migrate_pages": 256, "move_pages": 279, "mbind": 237, "ioprio_set": 251, "setpriority": 141,
    "sched_setaffinity": 203, "seccomp": 317, "landlock_create_ruleset": 444, "memfd_secret": 447,
}  # fmt: skip


def network(inputs: dict[str, Any]) -> str:
    """A server of the host on loopback."""
    try:
        with socket.create_connection(("127.0.0.1", inputs["port"]), timeout=1):
            return "a connection to the host's loopback was made"
    except OSError:
        return ""


def socket_families(inputs: dict[str, Any]) -> str:
    """Kinds of sockets that a network namespace does not close."""
    through = []
    for name, family in _FAMILIES.items():
        for make in (socket.socket, socket.socketpair):
            try:
                made = make(family, socket.SOCK_STREAM if name == "INET" else socket.SOCK_DGRAM)
            except OSError as error:
                if error.errno != errno.EAFNOSUPPORT:
                    through.append(f"AF_{name} ({error.strerror})")
            else:
                through.append(f"AF_{name}")
                del made
    return ", ".join(through)


def abstract_socket(inputs: dict[str, Any]) -> str:
    """A local socket of the host that has no place in any file system."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect("\0" + inputs["abstract"])
        except OSError:
            return ""
    return "a local socket of the host answered"


def host_files(inputs: dict[str, Any]) -> str:
    """Anything that is not in the image, and a file that everybody on the host may read."""
    seen = [name for name in os.listdir("/") if name not in _ROOT]
    seen += [path for path in ("/proc/self", "/sys/kernel", "/etc/hosts", inputs["canary"]) if os.path.lexists(path)]
    return ", ".join(seen)


def host_secrets(inputs: dict[str, Any]) -> str:
    """Files of the host that every kernel must keep, and one that everybody on the host may read."""
    return ", ".join(path for path in ("/etc/shadow", "/root", "/home", inputs["canary"]) if os.path.lexists(path))


def writable_places(inputs: dict[str, Any]) -> str:
    """Files outside of /box."""
    through = []
    for folder in ("/", "/etc", "/usr", "/usr/bin", "/usr/lib", "/dev", "/usr/lib/sandbox"):
        path = os.path.join(folder, "planted")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        except OSError as error:
            if error.errno != errno.EROFS:
                through.append(f"{folder} ({error.strerror})")
        else:
            through.append(folder)
    return ", ".join(through)


def devices(inputs: dict[str, Any]) -> str:
    """Anything but null and urandom."""
    found = set(os.listdir("/dev"))
    wrong = [name for name in ("null", "urandom") if not stat.S_ISCHR(os.stat(f"/dev/{name}").st_mode)]
    return ", ".join([*(found - {"null", "urandom"}), *(f"{name} is none" for name in wrong)])


def marks_on_devices(inputs: dict[str, Any]) -> str:
    """The time of a device is the machine's: who may set it leaves a mark that others read, also much later."""
    through = []
    for path in ("/dev/null", "/dev/urandom"):
        try:
            os.utime(path)
            through.append(path)
        except OSError as error:
            through += [] if error.errno == errno.EROFS else [f"{path} ({error.strerror})"]
    return ", ".join(through)


def watching(inputs: dict[str, Any]) -> str:
    """The image is shared: who is told when its files are read sees what others run."""
    try:
        fcntl.fcntl(os.open("/usr/lib", os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)
    except OSError as error:
        return "" if error.errno == errno.EPERM else f"{error.strerror}"
    return "is told who reads the image"


def programs(inputs: dict[str, Any]) -> str:
    """Programs of other users, and any but Python."""
    found = []
    for folder in ("/usr/bin", "/usr/lib64", "/etc"):
        for name in os.listdir(folder):
            mode = os.lstat(f"{folder}/{name}").st_mode
            if mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH | stat.S_IWGRP) and not stat.S_ISLNK(mode):
                found.append(f"{folder}/{name}")
    return ", ".join(found + [name for name in os.listdir("/usr/bin") if name != "python3"])


def environment(inputs: dict[str, Any]) -> str:
    """Variables of the tool runner."""
    return ", ".join(set(os.environ) - {"PATH", "HOME", "LANG", "PWD"})  # noqa: TID251 - the box's own


def descriptors(inputs: dict[str, Any]) -> str:
    """Files that somebody left open."""
    found = []
    for number in range(1024):
        try:
            os.fstat(number)
        except OSError:
            continue
        if number not in _OPEN_HERE:
            found.append(str(number))
    return ", ".join(found)


def processes(inputs: dict[str, Any]) -> str:
    """Processes of anybody else; "not permitted" is an answer, too: there is one."""
    seen = []
    for pid in (*range(1, 1000), inputs["runner"]):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        except PermissionError:
            pass
        seen.append(pid)
    return ", ".join(str(pid) for pid in seen if pid not in (1, os.getpid()))


def process_group(inputs: dict[str, Any]) -> str:
    """A group or a session with processes outside: a signal to the group would reach them."""
    return "" if os.getpgrp() and os.getsid(0) else "shares its process group with the outside"


def namespaces(inputs: dict[str, Any]) -> str:
    """A namespace in which it is root, by the call that may be made: refused by the filter, before any other fence."""
    ctypes.set_errno(0)
    child = _LIBC.syscall(56, ctypes.c_ulong(_CLONE_NEWUSER | _SIGCHLD), 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    if child > 0:
        os.waitpid(child, 0)
        return "clone made a user namespace"
    return "" if ctypes.get_errno() == errno.EPERM else f"clone: {os.strerror(ctypes.get_errno())}"


def user_namespaces(inputs: dict[str, Any]) -> str:
    """A namespace in which it is root."""
    ctypes.set_errno(0)
    if _LIBC.syscall(272, _CLONE_NEWUSER) == 0:
        return "unshare made a user namespace"
    return ""


def system_calls(inputs: dict[str, Any]) -> str:
    """Calls that nothing in the standard library needs: refused before the kernel looks at their arguments."""
    through = []
    for name, number in _REFUSED.items():
        ctypes.set_errno(0)
        answer = _LIBC.syscall(number, -1, 0, 0, 0, 0, 0)
        if answer != -1 or ctypes.get_errno() != errno.EPERM:
            through.append(name)
    return ", ".join(through)


def other_architecture(inputs: dict[str, Any]) -> str:
    """A 32-bit call, whose numbers mean other calls: 288 is accept4 here and keyctl there."""
    child = os.fork()
    if child == 0:
        code = bytes.fromhex("53 b8 20010000 bb 00000000 b9 fdffffff ba 00000000 cd80 5b c3")
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(code)
        call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        os._exit(1 if call() == -1 else 0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGSYS, signal.SIGSEGV):
        return ""
    return "a 32-bit call was made"


def device_calls(inputs: dict[str, Any]) -> str:
    """ioctl on a local socket reaches the drivers of the network."""
    with socket.socket(socket.AF_UNIX) as local:
        request = ctypes.create_string_buffer(struct.pack("16si20x", b"lo", 0))
        ctypes.set_errno(0)
        answer = _LIBC.ioctl(local.fileno(), ctypes.c_ulong(0x8933), request)  # SIOCGIFINDEX
    return "" if answer == -1 and ctypes.get_errno() == errno.EPERM else "a network device answered"


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


def host_name(inputs: dict[str, Any]) -> str:
    """What the machine is called."""
    return "" if os.uname().nodename == "sandbox" else os.uname().nodename


def shared_memory(inputs: dict[str, Any]) -> str:
    """System V memory of the host."""
    return "memory of the host" if _LIBC.syscall(29, inputs["shared_memory"], 0, 0) != -1 else ""


def core_files(inputs: dict[str, Any]) -> str:
    """A crash must write nothing and start no program of the host."""
    return "" if resource.getrlimit(resource.RLIMIT_CORE) == (1, 1) else "a crash leaves a core file"


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
        *(network, socket_families, abstract_socket, host_files, host_secrets, writable_places, devices, programs),
        *(environment, descriptors, processes, process_group, namespaces, system_calls, other_architecture),
        *(device_calls, marks_on_devices, watching, rights, host_name, core_files, threads_work),
    )
}
BEHIND_THE_FILTER = {probe.__name__: probe for probe in (network, user_namespaces, shared_memory, rights)}
"""Of fences that are not reached while the filter stands; for these it is taken away."""


def attacked(inputs: dict[str, Any]) -> dict[str, str]:
    """What got through, by probe."""
    found = {}
    for name in inputs["probes"]:
        try:
            found[name] = (PROBES | BEHIND_THE_FILTER)[name](inputs)
        except (OSError, RuntimeError) as error:
            found[name] = f"could not be tried: {error}"
    return found
