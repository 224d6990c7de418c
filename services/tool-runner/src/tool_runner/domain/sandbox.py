"""What is a sandbox asked to run, within which limits, and what comes back?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Bounds of one execution, of the whole tree of its processes (SPEC T7)."""

    memory_bytes_max: int = 512 * MIB
    cpu_share_max: float = 0.5
    wall_seconds_max: float = 10.0
    processes_max: int = 32
    output_bytes_max: int = 1 * MIB
    files_bytes_max: int = 4 * MIB
    files_max: int = 16


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """How it ended. `result` is what the code bound to the name `result`, as JSON; `killed_by` names the limit that
    ended it (`wall`, `memory`, `output`, `processes`, `cpu`), None where it ended by itself; `error` is the last line
    of an uncaught exception. `files` are what it wrote to its output folder."""

    tier: str
    exit_code: int
    stdout: str
    result: JsonValue = None
    error: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    timed_out: bool = False
    killed_by: str | None = None
    wall_ms: float = 0.0


class SandboxUnavailable(Exception):
    """This backend cannot run code here, or not at the tier that is demanded; the text says why and what to do."""


class Sandbox(Protocol):
    """Runs Python code that nobody trusts. The code finds its `inputs` under that name."""

    async def execute(self, code: str, inputs: JsonValue, limits: SandboxLimits) -> SandboxResult:
        """Raises SandboxUnavailable; whatever the code does is a result."""
        ...
