"""How is a box closed by gVisor, a kernel of its own that the code's system calls go to?

`runsc` is run by the keeper as bubblewrap is, in the same control group, on the same image. It passes no other
descriptors than the standard ones, so job and report are standard input and error."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tool_runner.adapters.sandbox.keeper_client import Program
from tool_runner.adapters.sandbox.own_view import IMAGE
from tool_runner.adapters.sandbox.recipe import DISK_BYTES_MAX, ENVIRONMENT
from tool_runner.adapters.sandbox.root_image import BOOT, PYTHON
from tool_runner.domain.sandbox import SandboxUnavailable

PROBES = (
    *("network", "abstract_socket", "host_secrets", "environment", "descriptors", "processes", "rights", "host_name"),
    "threads_work",
)
"""The others ask the host's kernel, which this code never reaches: they find gVisor's."""
LIMITS = ("memory_of_all_processes", "disk", "output", "time", "orphan")
_PROCESSES_MORE = 200
"""Threads and stubs of gVisor; it has no bound of its own on the code's processes (limit: both together)."""


@dataclass(frozen=True, slots=True)
class GvisorKind:
    """Boxes of tier C. `directory` is this tool runner's alone, and is emptied by it."""

    runsc: str
    directory: Path
    seccomp: bytes = b""
    tier: str = "C"

    def program(self, start: str, number: int, uid: int) -> Program:
        """`runsc run` of a bundle that both starts share; gVisor gives its own processes users and namespaces."""
        command = (
            *(self.runsc, "--root", str(self._state(number)), "--platform", "ptrace", "--network", "none"),
            *("--ignore-cgroups", "run", "--bundle", str(self.directory / start), self._name(number)),
        )
        return Program(command, ENVIRONMENT, None, ((1,), (0,), (2,), ()), 4096, _PROCESSES_MORE)

    def after(self, number: int) -> None:
        """The state of a box that was killed stays behind."""
        shutil.rmtree(self._state(number), ignore_errors=True)

    def _name(self, number: int) -> str:
        """runsc makes an abstract socket of it, which all tool runners of a machine share."""
        return f"{self.directory.name}-{number}"

    def _state(self, number: int) -> Path:
        return self.directory / f"state-{number}"


def gvisor_kind(directory: Path) -> GvisorKind:
    """Raises SandboxUnavailable where runsc is not installed."""
    runsc = shutil.which("runsc")
    if runsc is None:
        raise SandboxUnavailable("gVisor is not installed: there is no program runsc on PATH")
    for start in ("cold", "warm"):
        bundle = directory / start
        bundle.mkdir(parents=True, exist_ok=True)
        (bundle / "config.json").write_text(json.dumps(_specification(start)))
    return GvisorKind(runsc, directory)


def _specification(start: str) -> dict[str, object]:
    """An OCI bundle."""
    return {
        "ociVersion": "1.0.0",
        "root": {"path": str(IMAGE), "readonly": True},
        "hostname": "sandbox",
        "process": {
            "terminal": False,
            "user": {"uid": 1000, "gid": 1000},
            "args": [PYTHON, "-I", "-S", "-B", BOOT, start, "standard"],
            "env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
            "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "mounts": [
            {
                "destination": "/box",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": [f"size={DISK_BYTES_MAX}", "mode=0777", "nosuid", "nodev"],
            }
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "uts", "ipc", "network")]},
    }
