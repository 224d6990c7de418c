"""How is a service started and killed again and again without importing its libraries each time?"""

import ctypes
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import cast

from hil.embedded.processes import Child, Command

PR_SET_PDEATHSIG = 1


class ForkedChild(Child):
    """`python -m <package>` as a process of its own, forked from one that has imported the package's `app` and does
    nothing else; that one ends with us, and all that it forked with it."""

    def __init__(self, package: str, environment: Mapping[str, str], log_file: Path) -> None:
        super().__init__(Command(package, ("-m", package), log_file, environment))
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([f"{package}.app"])  # Of the first that is started.

    def start(self) -> None:
        assert not self.alive, f"{self.command.name} already runs"
        self.command.log_file.parent.mkdir(parents=True, exist_ok=True)
        what = (self.command.name, dict(self.command.environment), str(self.command.log_file))
        process = self._context.Process(target=_run, args=what, daemon=True)
        process.start()
        self._process = cast("subprocess.Popen[bytes]", _Forked(process))


class _Forked:
    """What `Child` asks of a process."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)


def _run(package: str, environment: dict[str, str], log_file: str) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        return
    file = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [package]  # Not those of the tests.
    runpy.run_module(package, run_name="__main__", alter_sys=True)
