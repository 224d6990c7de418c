"""What can go wrong when an embedded server is started?"""

from pathlib import Path


class EmbeddedError(Exception):
    """Something embedded could not be started or stopped; the text is meant for a person."""


class PortTaken(EmbeddedError):
    """Another program listens on the port that was asked for."""

    def __init__(self, port: int, wanted_by: str) -> None:
        super().__init__(f"port {port} on 127.0.0.1 is taken by another program, {wanted_by} cannot use it")
        self.port = port


class StartFailed(EmbeddedError):
    """A child ended, or was not ready in time; the text holds the end of its log."""


class BinaryMissing(EmbeddedError):
    """A server's program is not installed."""


class DirectoryInUse(EmbeddedError):
    """Another running system holds the data directory."""

    def __init__(self, data_dir: Path, owner_pid: str) -> None:
        super().__init__(f"{data_dir} is in use by another running system (pid {owner_pid}); stop it or choose another")


class NotRunning(EmbeddedError):
    """No system runs in the data directory."""


class GaveUp(EmbeddedError):
    """A server or service ended so often that it is not started again."""
