"""What do the Dockerfile, docker-compose.yml and k8s/ say, as values that a test can look at?"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[2]
BASE = ROOT / "k8s/base"
OVERLAYS = sorted(path.parent for path in ROOT.glob("k8s/overlays/*/kustomization.yaml"))
SANDBOX = ROOT / "k8s/sandbox"
COMPONENTS = sorted(path.parent for path in ROOT.glob("k8s/components/*/kustomization.yaml"))
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
SERVERS = ["mongo", "nats", "redis"]

Yaml = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One Kubernetes object and the file that it stands in."""

    file: Path
    body: Yaml

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}: {self.body.get('kind')}/{self.body['metadata']['name']}"


def module_of(service: str) -> str:
    return service.replace("-", "_")


def settings_of(service: str) -> type[BaseSettings]:
    """Imported when asked for: a service without settings fails the tests that need them, by name."""
    found: type[BaseSettings] = import_module(f"{module_of(service)}.settings").Settings
    return found


def setting_names(service: str) -> set[str]:
    """Every environment variable that the service reads."""
    fields = settings_of(service).model_fields
    return {name for field in fields for name in _variables(service, field)}


def setting_names_that_must_be_given(service: str) -> set[str]:
    """Without a default, or with one that is right on a developer's machine only."""
    fields = settings_of(service).model_fields
    needed = {name for name, field in fields.items() if field.is_required() or _is_local(field.default)}
    return {variable for name in needed for variable in _variables(service, name)[:1]}


def _variables(service: str, field: str) -> list[str]:
    settings = settings_of(service)
    match settings.model_fields[field].validation_alias:
        case None:
            return [f"{settings.model_config.get('env_prefix', '')}{field}".upper()]
        case str(alias):
            return [alias]
        case aliases:
            return [str(alias) for alias in getattr(aliases, "choices", [])]


def _is_local(default: object) -> bool:
    return isinstance(default, str) and ("127.0.0.1" in default or default.startswith("sqlite:"))


def compose() -> Yaml:
    return _mapping(yaml.safe_load(COMPOSE.read_text()))


def kustomization(folder: Path) -> Yaml:
    return _mapping(yaml.safe_load((folder / "kustomization.yaml").read_text()))


def resources() -> Iterator[Resource]:
    """Every object of k8s/, as it stands in the files."""
    for file in sorted(ROOT.glob("k8s/**/*.yaml")):
        if file.name != "kustomization.yaml" and file.parent.name != "config":
            for body in yaml.safe_load_all(file.read_text()):
                yield Resource(file, _mapping(body))


def workloads() -> list[Resource]:
    return [resource for resource in resources() if resource.body["kind"] in {"Deployment", "StatefulSet"}]


def containers() -> list[tuple[str, Yaml]]:
    """(where it stands, container) of every workload."""
    return [
        (str(workload), _mapping(container))
        for workload in workloads()
        for kind in ("containers", "initContainers")
        for container in workload.body["spec"]["template"]["spec"].get(kind, [])
    ]


def rendered(overlay: Path, into: Path, *, components: Sequence[str] = ()) -> list[Yaml]:
    """What `kubectl apply -k` would send, with the example's keys as secrets, and with components as somebody would
    name them in the overlay; `into` is an empty folder."""
    shutil.copytree(ROOT / "k8s", into / "k8s")
    folder = into / "k8s" / overlay.relative_to(ROOT / "k8s")
    if (folder / "secrets.env.example").exists():
        shutil.copy(folder / "secrets.env.example", folder / "secrets.env")
    if components:
        with (folder / "kustomization.yaml").open("a") as file:
            file.write(yaml.safe_dump({"components": [f"../../components/{name}" for name in components]}))
    made = subprocess.run([tool("kubectl"), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return [_mapping(body) for body in yaml.safe_load_all(made.stdout)]


def tool(name: str) -> str:
    """A program of this virtual environment, also when it is not on the PATH."""
    beside_python = Path(sys.executable).with_name(name)
    assert beside_python.exists(), f"{name} is not installed: uv sync"
    return str(beside_python)


def _mapping(value: object) -> Yaml:
    assert isinstance(value, dict)
    return value
