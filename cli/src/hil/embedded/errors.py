"""What can go wrong when an embedded server is started?"""


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
