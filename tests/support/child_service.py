"""How does a test run a service as a process that may be killed?"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class ChildService:
    """`python -m <package>` with settings from the environment; its output goes to a file."""

    def __init__(self, package: str, settings: Mapping[str, str], output: Path) -> None:
        self._package, self._output = package, output
        self._environment = {**os.environ, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._package], env=self._environment, stdout=output, stderr=output
            )

    @property
    def listens_for_signals(self) -> bool:
        """Whether the process catches SIGTERM by now, as its kernel says."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)
