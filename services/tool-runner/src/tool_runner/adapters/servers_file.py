"""Which tool servers are configured? Reads the servers file, and says what is wrong with it by file and field."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tool_runner.adapters.mcp_client import ServerLimits
from tool_runner.adapters.mcp_process import Launch
from tool_runner.adapters.python_tools import Function, load_function
from tool_runner.adapters.vault.app_file import AppEntry, apps_of
from tool_runner.domain.accounts import App
from tool_runner.domain.breaker import BreakerPolicy
from tool_runner.domain.manifest import ServerRules, SideEffect, ToolRules

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
TIMEOUT_MS_MAX = 3_600_000


class ServersFileError(Exception):
    """The file cannot be used; the text names file, field and reason, one line each."""


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    side_effect: SideEffect | None = None
    idempotent: bool | None = None
    timeout_ms: int | None = Field(None, ge=1, le=TIMEOUT_MS_MAX)
    idempotency_argument: str | None = None

    def over(self, defaults: ToolRules) -> ToolRules:
        """These rules, with the defaults where nothing is said."""
        return ToolRules(
            side_effect=self.side_effect or defaults.side_effect,
            idempotent=defaults.idempotent if self.idempotent is None else self.idempotent,
            timeout_ms=self.timeout_ms or defaults.timeout_ms,
            idempotency_argument=self.idempotency_argument or defaults.idempotency_argument,
        )


class _ToolEntry(_Rules):
    python: str | None = Field(None, description="package.module:function")


class _Limits(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    memory_bytes_max: int = Field(0, ge=0, description="Address space of the process; 0 is no limit.")
    cpu_seconds_max: int = Field(0, ge=0, description="CPU time of the process in all; 0 is no limit.")
    concurrency: int = Field(1, ge=1, le=256, description="Calls sent to the server and not answered.")
    start_seconds_max: float = Field(20.0, gt=0, le=300)
    result_bytes_max: int = Field(1_048_576, ge=1, le=8 * 1024 * 1024)
    breaker_failures_max: int = Field(5, ge=1, description="Failures in a row that open the breaker.")
    breaker_open_seconds: float = Field(10.0, gt=0)

    def of_server(self) -> ServerLimits:
        breaker = BreakerPolicy(self.breaker_failures_max, self.breaker_open_seconds)
        return ServerLimits(self.concurrency, self.start_seconds_max, self.result_bytes_max, breaker)


class _ServerEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    command: list[str] = Field([], description="The words of the command; the first word python is this interpreter.")
    env: dict[str, str] = Field({}, description="The environment of the server beside PATH and LANG.")
    show_errors: bool = Field(False, description="Log its error output, without personal data.")
    state_key: str | None = None
    state_key_argument: str = "state_key"
    result_field: str | None = Field(None, description="The one field of structured results that is the result.")
    hidden_tools: list[ToolName] = []
    defaults: _Rules = _Rules()
    tools: dict[ToolName, _ToolEntry] = {}
    limits: _Limits = _Limits()

    @model_validator(mode="after")
    def one_source(self) -> Self:
        """Either a command, or a Python function for each tool."""
        python = [name for name, tool in self.tools.items() if tool.python is not None]
        if self.command and python:
            raise ValueError(f"a server with a command has no Python tools: {', '.join(python)}")
        if not self.command and (not self.tools or len(python) < len(self.tools)):
            raise ValueError("a server has a command, or `python` at every tool")
        return self

    def rules(self) -> ServerRules:
        defaults = self.defaults.over(ToolRules())
        return ServerRules(
            name=self.name,
            hidden_tools=frozenset(self.hidden_tools),
            state_key=self.state_key,
            state_key_argument=self.state_key_argument,
            result_field=self.result_field,
            defaults=defaults,
            tools={name: tool.over(defaults) for name, tool in self.tools.items()},
        )


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    servers: list[_ServerEntry]
    apps: dict[Name, AppEntry] = Field({}, description="Apps at which entities have accounts.")

    @model_validator(mode="after")
    def unique_names(self) -> Self:
        names = [server.name for server in self.servers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"servers named twice: {', '.join(twice)}")
        return self


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """One server: its rules, and how it runs (`launch`, or `functions` of this process)."""

    rules: ServerRules
    limits: ServerLimits
    launch: Launch | None = None
    functions: Mapping[str, Function] = field(default_factory=dict)


def load_servers(path: Path | None, *, search_path: str) -> list[ConfiguredServer]:
    """The servers of the file, none without a file. `search_path` becomes their PATH. Raises ServersFileError."""
    if path is None:
        return []
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        entries = _File.model_validate(content).servers
        return [_configured(entry, search_path) for entry in entries]
    except ValidationError as error:
        lines = [f"{path}: {_place(found['loc'], content)}: {found['msg']}" for found in error.errors()]
        raise ServersFileError("\n".join(lines[:20])) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ServersFileError(f"{path}: {error}") from error


def load_apps(path: Path | None, environment: Mapping[str, str]) -> Mapping[str, App]:
    """The apps of the file, which `load_servers` has accepted. Raises AppUnusable for a secret that is not there."""
    if path is None:
        return {}
    return apps_of(_File.model_validate(yaml.safe_load(path.read_text("utf-8"))).apps, environment)


def _configured(entry: _ServerEntry, search_path: str) -> ConfiguredServer:
    rules, limits = entry.rules(), entry.limits.of_server()
    if not entry.command:
        functions = {name: load_function(tool.python) for name, tool in entry.tools.items() if tool.python is not None}
        return ConfiguredServer(rules, limits, functions=functions)
    first = sys.executable if entry.command[0] in ("python", "python3") else entry.command[0]
    launch = Launch(
        command=(first, *entry.command[1:]),
        env={"PATH": search_path, "LANG": "C.UTF-8", **entry.env},
        memory_bytes_max=entry.limits.memory_bytes_max,
        cpu_seconds_max=entry.limits.cpu_seconds_max,
        show_errors=entry.show_errors,
        name=rules.name,
    )
    return ConfiguredServer(rules, limits, launch)


def _place(location: tuple[int | str, ...], content: object) -> str:
    """`servers.retail.tools.x` rather than `servers.0.tools.x`, where the server has a name."""
    parts = [str(part) for part in location]
    if len(parts) > 1 and parts[0] == "servers" and isinstance(content, dict):
        entry = content["servers"][int(parts[1])] if parts[1].isdigit() else None
        parts[1] = str(entry.get("name", parts[1])) if isinstance(entry, dict) else parts[1]
    return ".".join(parts) or "file"
