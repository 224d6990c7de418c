"""Which TCP ports on loopback are free?"""

import secrets
import socket
from pathlib import Path

from hil.embedded.errors import EmbeddedError, PortTaken

LOOPBACK = "127.0.0.1"
_FIRST_PORT = 10_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_ATTEMPTS = 100


def free_port() -> int:
    """A port that nobody listens on now, below the range that the kernel gives to outgoing connections.

    From inside that range a client that reconnects to a killed server can be given the server's own port as
    its source: it then talks to itself, and the server cannot come back.
    """
    first_ephemeral = _first_ephemeral_port()
    for _ in range(_ATTEMPTS):
        port = _FIRST_PORT + secrets.randbelow(first_ephemeral - _FIRST_PORT)
        if is_free(port):
            return port
    raise EmbeddedError(f"no free port found in {_ATTEMPTS} attempts on {LOOPBACK}")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free(port: int, wanted_by: str) -> None:
    """Raise PortTaken when another program listens on the port."""
    if not is_free(port):
        raise PortTaken(port, wanted_by)


def accepts(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False


def _first_ephemeral_port() -> int:
    try:
        first = int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768
    return first if first > _FIRST_PORT + 1_000 else 32_768
