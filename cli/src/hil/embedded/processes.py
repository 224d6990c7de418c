"""How is a child process started, watched and ended, so that none is ever left behind?"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hil.embedded.errors import EmbeddedError, StartFailed

_GUARD = Path(__file__).with_name("guard.py")
_POLL_SECONDS = 0.01
_LOG_TAIL_BYTES = 2_000
_LOG_BYTES_MAX = 20_000_000


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be run. Secrets belong into `environment` or files: arguments are visible to every user."""

    name: str
    arguments: tuple[str, ...]
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Child:
    """One child process in its own process group, logging to a file; can be started again after its end."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Pid of the latest start."""
        assert self._process is not None, f"{self.command.name} was never started"
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs (or was never started); negative is the number of the signal that ended it."""
        return None if self._process is None else self._process.poll()

    @property
    def alive(self) -> bool:
        """Whether the child was started and has not ended; a paused one is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; raises EmbeddedError outside the main thread.

        Linux binds a child to the *thread* that started it: one started in a pool's thread would die with it.
        """
        assert not self.alive, f"{self.command.name} already runs"
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedError(f"{self.command.name} must be started from the main thread")
        self.command.log_file.parent.mkdir(parents=True, exist_ok=True)
        _keep_small(self.command.log_file)
        guard = (sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()))
        with self.command.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                (*guard, *self.command.arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.command.environment),
                process_group=0,
            )

    def kill(self) -> None:
        """SIGKILL, as a crash would; returns when the process is gone."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end, without waiting."""
        self._signal(signal.SIGTERM)

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """SIGTERM, then SIGKILL after `grace_seconds`; does nothing when it has already ended."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # A paused process would not see the SIGTERM.
        try:
            self._process.wait(timeout=grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def log_tail(self) -> str:
        """The last lines of what it wrote."""
        try:
            with self.command.log_file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
                text = log.read()
        except FileNotFoundError:
            return ""
        return text.decode(errors="replace").strip()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # Does nothing when the process is known to have ended.


def _keep_small(log_file: Path) -> None:
    """A log that has grown large becomes the one previous log, so that restarts cannot fill the disk."""
    if log_file.exists() and log_file.stat().st_size > _LOG_BYTES_MAX:
        log_file.replace(log_file.with_name(f"{log_file.name}.previous"))


def wait_until_ready(child: Child, is_ready: Callable[[], bool], *, timeout_seconds: float) -> None:
    """Return when `is_ready` holds; raises StartFailed when the child ends first or the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while not is_ready():
        if not child.alive:
            raise StartFailed(f"{child.command.name} ended with status {child.exit_code}: {child.log_tail()}")
        if time.monotonic() >= deadline:
            raise StartFailed(
                f"{child.command.name} not ready after {timeout_seconds:g} s, see {child.command.log_file}"
            )
        time.sleep(_POLL_SECONDS)
