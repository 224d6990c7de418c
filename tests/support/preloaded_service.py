"""How does a test start and kill a service again and again without importing its libraries each time?"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path


class PreloadedService:
    """`python -m <package>` as a process of its own, forked from one that has imported the package's `app` and has not
    run it. Settings are environment variables; the output goes to a file."""

    def __init__(self, package: str, settings: Mapping[str, str], output: Path) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([f"{package}.app"])  # Of the first one in this process.
        self._what = (package, dict(settings), str(output))
        self._process: ForkServerProcess | None = None

    def start(self) -> None:
        self._process = self._context.Process(target=_run, args=self._what, daemon=True)
        self._process.start()

    def kill(self) -> None:
        """End it without a chance to clean up."""
        assert self._process is not None
        self._process.kill()
        self._process.join()

    def stop(self) -> int | None:
        """Ask it to end; its exit status."""
        assert self._process is not None
        self._process.terminate()
        self._process.join(timeout=30)
        return self._process.exitcode


def _run(package: str, settings: dict[str, str], output: str) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.update(settings)
    sys.argv = [package]  # Not those of the tests.
    runpy.run_module(package, run_name="__main__", alter_sys=True)
