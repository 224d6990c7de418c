"""What does a tool server in a box see and reach?"""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tool_runner.adapters.sandbox.server_command import ServerNetwork, sandboxed_command

LOOKS_AROUND = """
import json, os, socket, sys
def reaches(port):
    try: socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError: return False
    return True
def writes(path):
    try: open(path, "w").close()
    except OSError: return False
    return True
canary, port = sys.argv[1], int(sys.argv[2])
print(json.dumps({
    "canary": os.path.exists(canary), "shadow": os.path.exists("/etc/shadow"), "network": reaches(port),
    "writes": [path for path in ("own.json", "/usr/x", "/x", "/etc/x") if writes(path)],
    "processes": len([name for name in os.listdir("/proc") if name.isdigit()]), "yaml": bool(__import__("yaml")),
}))
"""


@pytest.mark.parametrize("network", ServerNetwork)
async def test_a_server_has_its_folder_and_its_packages_alone(
    why_not: str, tmp_path: Path, network: ServerNetwork
) -> None:
    if why_not:
        pytest.skip(why_not)
    canary, state = tmp_path / "canary", tmp_path / "state"
    canary.write_text("of the host")
    script = tmp_path / "server.py"
    script.write_text(LOOKS_AROUND)
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    command = [sys.executable, str(script), str(canary), str(port)]
    boxed = sandboxed_command(command, state_dir=state, network=network, readable=[script], uid=61_099)
    process = await asyncio.create_subprocess_exec(*boxed, stdout=asyncio.subprocess.PIPE, cwd="/")
    said, _ = await process.communicate()
    listening.close()
    await listening.wait_closed()
    assert json.loads(said) == {
        "canary": False,
        "shadow": False,
        "network": network is ServerNetwork.HOST,
        "writes": ["own.json"],
        "processes": 2,
        "yaml": True,
    }
    assert (state / "own.json").exists()
    assert canary.read_text() == "of the host"
