"""What of the machine can a boxed tool server change, read or be taken for, when the tool runner is root?"""

import asyncio
import ctypes
import json
import os
import platform
import resource
import socket
import struct
import sys
from pathlib import Path

import pytest

from tool_runner.adapters import launch_child
from tool_runner.adapters.sandbox.server_command import ServerNetwork, sandboxed_command
from tool_runner.adapters.sandbox.server_user import lacking_rights

USER = 61_099
_ADD_KEY, _KEYCTL, _SEARCH, _UNLINK, _SESSION = 248, 250, 10, 9, -3
LOOKS_FOR_SETTINGS = """
import json, os, stat
def changes(path):
    try: os.chmod(path, stat.S_IMODE(os.stat(path).st_mode))  # To what it is.
    except OSError: return False
    return True
writable = [
    os.path.join(folder, name) for top in ("/proc/sys", "/proc/irq", "/proc/bus") for folder, _, names in os.walk(top)
    for name in names if os.access(os.path.join(folder, name), os.W_OK)
]
alone = ("/proc/mtrr", "/proc/sysrq-trigger", "/etc/ssl/private", "/etc/pki/tls/private")
devices = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty") if changes(f"/dev/{name}")]
print(json.dumps([*writable, *devices, *(path for path in alone if os.access(path, os.W_OK) or os.path.isdir(path))]))
"""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root's box could change the machine")
@pytest.mark.parametrize(("network", "uid"), [(ServerNetwork.NONE, None), (ServerNetwork.HOST, USER)])
async def test_a_boxed_server_changes_no_setting_of_the_machine_and_sees_no_private_key(
    tmp_path: Path, network: ServerNetwork, uid: int | None
) -> None:
    script = tmp_path / "server.py"
    script.write_text(LOOKS_FOR_SETTINGS)
    boxed = sandboxed_command([sys.executable, str(script)], state_dir=tmp_path / "state", network=network,
                              readable=[script], uid=uid)  # fmt: skip
    process = await asyncio.create_subprocess_exec(*boxed, stdout=asyncio.subprocess.PIPE, cwd="/")
    said, _ = await process.communicate()
    assert json.loads(said) == []


POSES_AS_ROOT = """
import json, os, socket, sys
def reads(path):
    try: open(path).close()
    except OSError: return False
    return True
with socket.socket(socket.AF_UNIX) as to: to.connect("\\0" + sys.argv[1])
open("mine", "w").close()
print(json.dumps([reads(sys.argv[2]), reads("earlier")]))
"""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root's server could pose as root")
async def test_nobody_takes_a_boxed_server_for_root_and_what_only_root_may_read_stays_closed(tmp_path: Path) -> None:
    script, secret, state = tmp_path / "server.py", tmp_path / "secret", tmp_path / "state"
    script.write_text(POSES_AS_ROOT)
    secret.touch(mode=0o600)
    state.mkdir()
    (state / "earlier").touch(mode=0o600)  # Of a life in which it still was root.
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("\0" + (name := f"hil-{os.getpid()}"))
        listening.listen()
        boxed = sandboxed_command([sys.executable, str(script), name, str(secret)], state_dir=state,
                                  network=ServerNetwork.HOST, readable=[script, secret], uid=USER)  # fmt: skip
        process = await asyncio.create_subprocess_exec(*boxed, stdout=asyncio.subprocess.PIPE, cwd="/")
        said, _ = await process.communicate()
        connected, _ = listening.accept()
        with connected:
            peer = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    assert (json.loads(said), peer[1:]) == ([False, True], (USER, USER))
    assert (state / "mine").stat().st_uid == USER


@pytest.mark.parametrize(
    ("held", "lacking"),
    [("000001ffffffffff", []), ("00000000a80425fb", ["SYS_ADMIN"]), ("0", ["CHOWN", "SETGID", "SETUID", "SYS_ADMIN"])],
)
def test_root_that_cannot_give_a_server_a_user_is_told_what_it_lacks(held: str, lacking: list[str]) -> None:
    assert lacking_rights(f"Name:\tpython\nCapEff:\t{held}\n") == lacking


LOOKS_FOR_A_KEY = """
import ctypes, sys
print(ctypes.CDLL(None).syscall(250, 10, -3, b"user", sys.argv[1].encode(), 0) > 0)
"""


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="the numbers of its calls")
async def test_a_server_does_not_get_the_keys_of_the_tool_runners_session(tmp_path: Path) -> None:
    script, name = tmp_path / "server.py", f"hil-{os.getpid()}"
    script.write_text(LOOKS_FOR_A_KEY)
    libc = ctypes.CDLL(None)
    key = libc.syscall(_ADD_KEY, b"user", name.encode(), b"secret", 6, _SESSION)
    if key < 0:
        pytest.skip("this machine's kernel keeps no keys")
    try:
        assert libc.syscall(_KEYCTL, _SEARCH, _SESSION, b"user", name.encode(), 0) == key
        launched = (sys.executable, "-I", "-S", launch_child.__file__, "0", "0", str(os.getpid()), "")
        process = await asyncio.create_subprocess_exec(
            *launched, sys.executable, str(script), name, stdout=asyncio.subprocess.PIPE
        )
        assert (await process.communicate())[0] == b"False\n"
    finally:
        libc.syscall(_KEYCTL, _UNLINK, key, _SESSION)


async def test_a_crash_of_a_server_writes_no_core_and_starts_no_program_of_the_machine() -> None:
    """A program that the system names for cores gets one with a limit of 0, too, and with 1 none (core(5))."""
    launched = (sys.executable, "-I", "-S", launch_child.__file__, "0", "0", str(os.getpid()), "")
    look = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    process = await asyncio.create_subprocess_exec(
        *launched, sys.executable, "-c", look, stdout=asyncio.subprocess.PIPE
    )
    most = 0 if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 else 1
    assert (await process.communicate())[0].decode() == f"({most}, {most})\n"
