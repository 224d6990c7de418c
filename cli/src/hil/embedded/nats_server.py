"""How is a real NATS server with JetStream run without installing one?"""

import socket
from pathlib import Path

from hil.embedded.errors import EmbeddedError, StartFailed
from hil.embedded.nats_config import ClusterMember, nats_binary, nats_config
from hil.embedded.ports import LOOPBACK, accepts, free_port, require_free
from hil.embedded.processes import Child, Command, wait_until_ready

READY_TIMEOUT_SECONDS = 20.0
_START_ATTEMPTS = 3
_INFO_REQUEST = b'CONNECT {"verbose":false,"headers":true}\r\nSUB _HIL.ready 1\r\nPUB $JS.API.INFO _HIL.ready 0\r\n\r\n'


class NatsServer:
    """One NATS server child; `url` stays the same over kills and restarts."""

    def __init__(self, child: Child, *, port: int, waits_for_jetstream: bool) -> None:
        self.port = port
        self.url = f"nats://{LOOPBACK}:{port}"
        self.child = child
        self._waits_for_jetstream = waits_for_jetstream

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
        """Start it and wait: alone until JetStream answers, in a cluster until the port is open."""
        require_free(self.port, self.child.command.name)
        self.child.start()
        try:
            wait_until_ready(self.child, self.is_ready, timeout_seconds=READY_TIMEOUT_SECONDS)
        except StartFailed:
            self.child.kill()
            raise

    def is_ready(self) -> bool:
        """Whether it can be used: alone when JetStream answers, in a cluster when the port is open."""
        return self.jetstream_answers() if self._waits_for_jetstream else accepts(self.port)

    def jetstream_answers(self) -> bool:
        """Whether JetStream serves requests; in a cluster this takes a leader."""
        return _jetstream_answers(self.port)

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


class NatsCluster:
    """Several servers on loopback that replicate to each other."""

    def __init__(self, servers: list[NatsServer]) -> None:
        self.servers = servers
        self.urls = [server.url for server in servers]

    def wait_for_leader(self) -> None:
        """Return when every living server sees a leader; raises StartFailed after 20 s."""
        for server in self.servers:
            if server.alive:
                wait_until_ready(
                    server.child,
                    server.jetstream_answers,
                    timeout_seconds=READY_TIMEOUT_SECONDS,
                )

    def stop(self) -> None:
        """End all of them."""
        for server in self.servers:
            server.child.terminate()  # All at once, so that none waits for the others.
        for server in self.servers:
            server.stop()


def start_nats(
    data_dir: Path, *, port: int | None = None, sync: str = "2m", cluster: ClusterMember | None = None
) -> NatsServer:
    """Start a server with its files in `data_dir`, on a free loopback port unless one is given.

    `sync` is the server's fsync interval: a duration such as "2m", or "always".
    Raises PortTaken, StartFailed, BinaryMissing.
    """
    for attempt in range(1, _START_ATTEMPTS + 1):
        server = prepare_nats(data_dir, port=port or free_port(), sync=sync, cluster=cluster)
        try:
            server.start()
        except EmbeddedError:
            # Between finding a port free and listening on it another program can take it.
            if port is not None or attempt == _START_ATTEMPTS:
                raise
        else:
            return server
    raise AssertionError("unreachable")


def start_nats_cluster(data_dir: Path, size: int = 3, *, sync: str = "2m") -> NatsCluster:
    """Start `size` servers that form one JetStream cluster, and wait until it has a leader."""
    route_ports: list[int] = []
    while len(route_ports) < size:
        candidate = free_port()
        if candidate not in route_ports:
            route_ports.append(candidate)
    servers: list[NatsServer] = []
    try:
        for index, route_port in enumerate(route_ports, start=1):
            member = ClusterMember(name=f"n{index}", route_port=route_port, route_ports=tuple(route_ports))
            servers.append(start_nats(data_dir / member.name, sync=sync, cluster=member))
        cluster = NatsCluster(servers)
        cluster.wait_for_leader()
    except EmbeddedError:
        NatsCluster(servers).stop()
        raise
    return cluster


def prepare_nats(data_dir: Path, *, port: int, sync: str = "2m", cluster: ClusterMember | None = None) -> NatsServer:
    """A server that is configured but not started."""
    data_dir = data_dir.absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    config_file = data_dir / "nats.conf"
    config_file.write_text(nats_config(data_dir / "jetstream", port=port, sync=sync, cluster=cluster))
    command = Command(
        name="nats-server" if cluster is None else f"nats-server {cluster.name}",
        arguments=(nats_binary(), "-c", str(config_file)),
        log_file=data_dir / "nats.log",
    )
    return NatsServer(Child(command), port=port, waits_for_jetstream=cluster is None)


def _jetstream_answers(port: int) -> bool:
    """Ask JetStream over the plain text protocol, so that starting a server needs no event loop."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as connection:
            connection.sendall(_INFO_REQUEST)
            reply = b""
            while b'"type":"io.nats.jetstream.api.v1.account_info_response"' not in reply:
                chunk = connection.recv(65_536)
                if not chunk:
                    return False
                reply += chunk
            return b'"error"' not in reply
    except OSError:
        return False
