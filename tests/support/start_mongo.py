"""How does a test get a server that speaks MongoDB's protocol, with Docker or without?"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testcontainers.community.mongodb import MongoDbContainer

from hil.embedded.ports import LOOPBACK, accepts, free_port
from hil.embedded.processes import Child, Command, wait_until_ready

IMAGE = "mongo:8.0.15"
READY_TIMEOUT_SECONDS = 60.0


class NoMongo(Exception):
    """Neither a Docker engine nor a server from the package index can be started; the text says why."""


@contextmanager
def running_mongo(data_dir: Path) -> Iterator[str]:
    """The URL (without a database) of a server that lives as long as the block; raises NoMongo."""
    if docker_answers():
        with MongoDbContainer(IMAGE) as container:
            yield container.get_connection_url()
        return
    server = WireServer(data_dir)
    server.start()
    try:
        yield server.url
    finally:
        server.kill()


def docker_answers() -> bool:
    """Asked through Docker's own command, which knows sockets, contexts and remote engines."""
    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


class WireServer:
    """A wire-compatible server that is a development dependency; a process of its own, never imported.

    `url` stays the same over kills and restarts.
    """

    def __init__(self, data_dir: Path) -> None:
        self._port = free_port()
        self.url = f"mongodb://{LOOPBACK}:{self._port}"
        where = ("--host", LOOPBACK, "--port", str(self._port), "--storage-path", str(data_dir))
        command = (_wire_server_program(), *where, "--log-level", "WARNING")
        self._child = Child(Command("secantusd-py", command, data_dir.with_suffix(".log")))

    def start(self) -> None:
        """Start it, again after a kill, and wait until it listens."""
        self._child.start()
        wait_until_ready(self._child, lambda: accepts(self._port), timeout_seconds=READY_TIMEOUT_SECONDS)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._child.kill()


def _wire_server_program() -> str:
    beside_python = Path(sys.executable).with_name("secantusd-py")
    program = str(beside_python) if beside_python.exists() else shutil.which("secantusd-py")
    if program is None:
        raise NoMongo("no Docker engine answers, and secantusd-py (PyPI: secantusdb) is not installed")
    return program
