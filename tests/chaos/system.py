"""Which processes are under test, and how are they started?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import executable

from hil.embedded.nats_config import ClusterMember
from hil.embedded.nats_server import prepare_nats
from hil.embedded.ports import LOOPBACK, free_port
from hil.embedded.processes import Child, Command
from hil.embedded.redis_server import prepare_redis
from hil.embedded.services import SERVICES, Surroundings
from hil.embedded.units import ChildUnit, http_probe, thread_probe

INSTANCES = {
    "orchestrator-1": "orchestrator",
    "orchestrator-2": "orchestrator",
    "llm-gateway": "llm_gateway",
    "tool-runner": "tool_runner",
    "hil-inbox": "hil_inbox",
}
MODELS = """\
providers:
  default: {base_url: ""}
models:
  directed:
    price: {input: 1_000, cached: 500, output: 2_000}
    context_tokens_max: 100_000
    output_tokens_max: 200
profiles:
  fast: [directed]
"""
EFFECTS_SERVER = str(Path(__file__).with_name("effects_server.py"))


@dataclass(frozen=True, slots=True)
class System:
    """Servers and services by name, not started. `urls` is the comma-separated list of NATS servers."""

    nats: Mapping[str, ChildUnit]
    redis: ChildUnit
    services: Mapping[str, ChildUnit]
    urls: str
    effects_file: Path
    replicas: int

    @property
    def units(self) -> list[ChildUnit]:
        return [*self.nats.values(), self.redis, *self.services.values()]


def prepare_system(data_dir: Path, *, provider_url: str, replicas: int, log_level: str) -> System:
    """Configure everything in `data_dir`; `replicas` NATS servers."""
    ports = _distinct_ports(2 * replicas + 1 + len(INSTANCES))
    nats = _nats(data_dir, ports[: 2 * replicas], replicas)
    redis = prepare_redis(data_dir / "redis", port=ports[2 * replicas])
    redis_unit = ChildUnit("redis", redis.child, thread_probe(redis.is_ready))
    urls = ",".join(f"nats://{LOOPBACK}:{port}" for port in ports[:replicas])
    effects_file = data_dir / "effects"
    settings = _settings(data_dir, effects_file, replicas=replicas, log_level=log_level)
    (data_dir / "stores").mkdir(exist_ok=True)
    services = {}
    for (name, package), port in zip(INSTANCES.items(), ports[2 * replicas + 1 :], strict=True):
        around = Surroundings(urls, redis.url, port, data_dir / "stores", provider_url=provider_url)
        environment = next(s for s in SERVICES if s.package == package).environment(around, settings)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # Else every start would compile all libraries again.
        command = Command(name, (executable, "-m", package), data_dir / "logs" / f"{name}.log", environment)
        services[name] = ChildUnit(name, Child(command), http_probe(f"http://{LOOPBACK}:{port}/readyz"))
    return System(nats, redis_unit, services, urls, effects_file, replicas)


def _distinct_ports(count: int) -> list[int]:
    ports: dict[int, None] = {}
    while len(ports) < count:
        ports[free_port()] = None
    return list(ports)


def _nats(data_dir: Path, ports: list[int], replicas: int) -> dict[str, ChildUnit]:
    routes = tuple(ports[replicas:])
    units = {}
    for number in range(replicas):
        name = f"n{number + 1}"
        member = ClusterMember(name, routes[number], routes) if replicas > 1 else None
        server = prepare_nats(data_dir / name, port=ports[number], cluster=member)
        units[name] = ChildUnit(name, server.child, thread_probe(server.jetstream_answers))
    return units


def _settings(data_dir: Path, effects_file: Path, *, replicas: int, log_level: str) -> dict[str, str]:
    models, servers = data_dir / "models.yaml", data_dir / "servers.yaml"
    models.write_text(MODELS)
    command = ["python", EFFECTS_SERVER, str(effects_file)]
    plain = {"name": "plain", "command": command, "defaults": {"cost_usd": 0}}
    keyed = {**plain, "name": "keyed", "tools": {"append": {"idempotency_argument": "key"}}}
    servers.write_text(json.dumps({"grants": [{"name": "all", "tools": ["*"]}], "servers": [keyed, plain]}))
    per_service = {
        f"{package.upper()}_{name}": value
        for package in INSTANCES.values()
        for name, value in (("STREAM_REPLICAS", str(replicas)), ("LOG_LEVEL", log_level))
    }
    return {
        **per_service,
        # A breaker depends on other executions, which the simulation of one cannot know.
        "ORCHESTRATOR_BREAKER_FAILURES_MIN": "0",
        "LLM_GATEWAY_STREAM_REPLICAS": str(replicas),
        "LLM_GATEWAY_MODELS_FILE": str(models),
        "TOOL_RUNNER_SERVERS_FILE": str(servers),
    }
