"""What is in a domain file: the tools, customers and expectations of one τ²-bench domain?"""

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from hil.domain_tasks import Action, DomainError, Task, TaskRecord, Text, check_openings, task_of

__all__ = ["Action", "Domain", "DomainError", "DomainFile", "Task", "load_domain", "resolve", "shipped_domain"]

SHIPPED_DOMAINS = Path(__file__).parent / "domains"
_PACKAGE_PREFIX = "package:"
Loaded = TypeVar("Loaded")


class ToolServer(BaseModel):
    """How the MCP server is started. `{data_dir}` in values of `env` is the directory of this installation, and a
    first word `python` is the interpreter that is running now."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    command: list[str] = Field(min_length=1)
    env: dict[str, str] = {}

    def started_with(self, *, data_dir: Path) -> tuple[list[str], dict[str, str]]:
        """Command and extra environment, ready to be run."""
        first = sys.executable if self.command[0] in ("python", "python3") else self.command[0]
        return [first, *self.command[1:]], {
            name: value.replace("{data_dir}", str(data_dir)) for name, value in self.env.items()
        }


class DomainFile(BaseModel):
    """One YAML file. `tasks`, `splits` and `policy` are paths beside it, or `package:<package>/<path>` inside an
    installed package."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")
    server: ToolServer
    tasks: str
    splits: str | None = None
    policy: str | None = None
    state_key: str
    state_argument: str = "state_key"
    transfer_tool: str
    hidden_tools: list[str] = []
    call_log_tool: str | None = Field("get_call_log", description="The server's tool that shows the calls made.")
    result_field: str | None = Field(None, description="The one field of a structured result that models are shown.")
    defaults: dict[str, JsonValue] = Field({}, description="As in a manifest: what holds for every tool.")
    limits: dict[str, JsonValue] = Field({}, description="As in a manifest: of the server's process.")
    tools: dict[str, dict[str, JsonValue]] = Field({}, description="As in a manifest: what holds for one tool.")
    workflow: str = Field(description="A path beside this file, else the name of a shipped workflow.")


@dataclass(frozen=True, slots=True)
class Domain:
    """A loaded domain. `splits` maps a name to the ids of its tasks."""

    file: DomainFile
    tasks: Mapping[str, Task]
    splits: Mapping[str, Sequence[str]]
    policy: str

    @property
    def name(self) -> str:
        return self.file.name

    def tasks_of(self, split: str) -> list[Task]:
        """The tasks of a split, in its order; `all` is every task of the domain."""
        if split == "all":
            return list(self.tasks.values())
        if split not in self.splits:
            raise DomainError(f"{self.name}: no split {split!r}; there are all, {', '.join(self.splits)}")
        return [self.task(task_id) for task_id in self.splits[split]]

    def task(self, task_id: str) -> Task:
        if task_id not in self.tasks:
            raise DomainError(f"{self.name}: no task {task_id!r}")
        return self.tasks[task_id]

    def state_key(self, key: str) -> str:
        """The key under which the tool server keeps the database of conversation `key`."""
        return self.file.state_key.replace("{key}", key)

    def expects_transfer(self, task: Task) -> bool:
        return any(action.name == self.file.transfer_tool for action in task.actions)


def shipped_domain(name: str) -> Path:
    """The file of a domain that ships with the command."""
    return SHIPPED_DOMAINS / f"{name}.yaml"


def load_domain(path: Path) -> Domain:
    """Read a domain file and all that it names. Raises DomainError."""
    file = _parse(path, TypeAdapter(DomainFile), _read_yaml(path))
    if "{key}" not in file.state_key:
        raise DomainError(f"{path}: state_key: {file.state_key!r} lacks {{key}}: conversations would share a database")
    tasks_path = resolve(path, "tasks", file.tasks)
    records = _parse(tasks_path, TypeAdapter(list[TaskRecord]), _read_json(tasks_path))
    tasks = {record.id: task_of(record) for record in records}
    check_openings(tasks_path, tasks.values())
    return Domain(file, tasks, _load_splits(path, file, tasks), _load_policy(path, file))


def resolve(domain_path: Path, field: str, value: str) -> Path:
    """Where a file named by a domain file is. Raises DomainError when it is not there."""
    found = _in_package(domain_path, field, value) if value.startswith(_PACKAGE_PREFIX) else domain_path.parent / value
    if not found.is_file():
        raise DomainError(f"{domain_path}: {field}: {value}: no such file ({found})")
    return found


def _in_package(domain_path: Path, field: str, value: str) -> Path:
    package, _, inside = value.removeprefix(_PACKAGE_PREFIX).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise DomainError(f"{domain_path}: {field}: {value}: package {package!r} is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / inside


def _load_splits(path: Path, file: DomainFile, tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    if file.splits is None:
        return {}
    splits_path = resolve(path, "splits", file.splits)
    splits = _parse(splits_path, TypeAdapter(dict[str, list[Text]]), _read_json(splits_path))
    for name, ids in splits.items():
        if unknown := [task_id for task_id in ids if task_id not in tasks]:
            raise DomainError(f"{splits_path}: {name}: unknown tasks {', '.join(unknown[:5])}")
    return splits


def _load_policy(path: Path, file: DomainFile) -> str:
    return "" if file.policy is None else resolve(path, "policy", file.policy).read_text("utf-8")


def _read_yaml(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DomainError(f"{path}: cannot be read: {error}") from error


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DomainError(f"{path}: cannot be read: {error}") from error


def _parse(path: Path, kind: TypeAdapter[Loaded], content: object) -> Loaded:
    try:
        return kind.validate_python(content)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, found['loc'])) or 'file'}: {found['msg']}" for found in error.errors()]
        raise DomainError("\n".join(f"{path}: {line}" for line in lines[:20])) from error
