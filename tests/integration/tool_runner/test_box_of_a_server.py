"""What of the machine can a boxed tool server change, when the tool runner is root and so the box is root's, too?"""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tool_runner.adapters.sandbox.server_command import ServerNetwork, sandboxed_command

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
@pytest.mark.parametrize("network", ServerNetwork)
async def test_a_boxed_server_changes_no_setting_of_the_machine_and_sees_no_private_key(
    tmp_path: Path, network: ServerNetwork
) -> None:
    script = tmp_path / "server.py"
    script.write_text(LOOKS_FOR_SETTINGS)
    boxed = sandboxed_command([sys.executable, str(script)], state_dir=tmp_path / "state", network=network,
                              readable=[script])  # fmt: skip
    process = await asyncio.create_subprocess_exec(*boxed, stdout=asyncio.subprocess.PIPE, cwd="/")
    said, _ = await process.communicate()
    assert json.loads(said) == []
