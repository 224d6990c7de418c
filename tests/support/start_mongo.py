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
    server = _start_secantus(data_dir)
    try:
        yield f"mongodb://{LOOPBACK}:{server.command.arguments[-1]}"
    finally:
        server.kill()


def docker_answers() -> bool:
    """Asked through Docker's own command, which knows sockets, contexts and remote engines."""
    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _start_secantus(data_dir: Path) -> Child:
    """A wire-compatible server that is a development dependency; a process of its own, never imported."""
    beside_python = Path(sys.executable).with_name("secantusd-py")
    program = str(beside_python) if beside_python.exists() else shutil.which("secantusd-py")
    if program is None:
        raise NoMongo("no Docker engine answers, and secantusd-py (PyPI: secantusdb) is not installed")
    port = free_port()
    options = ("--host", LOOPBACK, "--storage-path", str(data_dir), "--log-level", "WARNING", "--port", str(port))
    server = Child(Command("secantusd-py", (program, *options), data_dir.with_suffix(".log")))
    server.start()
    wait_until_ready(server, lambda: accepts(port), timeout_seconds=READY_TIMEOUT_SECONDS)
    return server
