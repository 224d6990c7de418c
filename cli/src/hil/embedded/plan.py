"""What is to run on this machine, and of which units does that consist?"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hil.embedded.errors import EmbeddedError
from hil.embedded.nats_server import prepare_nats
from hil.embedded.ports import LOOPBACK, accepts, free_port, require_free
from hil.embedded.processes import Child, Command
from hil.embedded.redis_server import prepare_redis
from hil.embedded.services import SERVICES, Service, Surroundings
from hil.embedded.supervisor import RestartPolicy
from hil.embedded.units import ChildUnit, TaskUnit, Unit, http_probe, thread_probe


@dataclass(frozen=True, slots=True)
class ReplayModel:
    """Models are played by the project's replay model; without it the gateway's own settings name a provider."""

    domain_file: Path | None = None
    arguments: tuple[str, ...] = ()
    module: str = "hil.replay_model"


@dataclass(frozen=True, slots=True)
class OneProcessEach:
    """Every service is a process of its own; `replicas` says of which there are more than one."""

    replicas: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AllInThisProcess:
    """All services share this process and its event loop."""


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What is to run.

    `ports` fixes some ports by endpoint name, all others are free ones; `environment` is added to that
    of the services; `sync` is NATS's fsync interval as in `start_nats`.
    """

    data_dir: Path
    layout: OneProcessEach | AllInThisProcess = field(default_factory=OneProcessEach)
    model: ReplayModel | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    sync: str = "2m"
    services: tuple[Service, ...] = SERVICES
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    grace_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Assembly:
    """The units of a plan in tiers (each is ready before the next starts), and the addresses by endpoint name."""

    tiers: tuple[tuple[Unit, ...], ...]
    endpoints: Mapping[str, str]


def assemble(plan: StackPlan) -> Assembly:
    """Choose ports and write configurations, start nothing; raises PortTaken or EmbeddedError."""
    ports = _choose_ports(plan)
    nats = prepare_nats(plan.data_dir / "nats", port=ports["nats"], sync=plan.sync)
    redis = prepare_redis(plan.data_dir / "redis", port=ports["redis"])
    servers = (
        ChildUnit("nats", nats.child, thread_probe(nats.is_ready)),
        ChildUnit("redis", redis.child, thread_probe(redis.is_ready)),
    )
    stores_dir = plan.data_dir / "stores"
    stores_dir.mkdir(exist_ok=True)
    surroundings = Surroundings(
        nats_url=nats.url,
        redis_url=redis.url,
        http_port=0,
        stores_dir=stores_dir,
        provider_url=None if plan.model is None else f"http://{LOOPBACK}:{ports['replay_model']}/v1",
    )
    models = () if plan.model is None else (_model_unit(plan, plan.model, port=ports["replay_model"]),)
    services = tuple(
        _service_unit(plan, service, name, _around(surroundings, ports, service, name))
        for service in plan.services
        for name in _instances(plan, service)
    )
    addresses = {name: f"http://{LOOPBACK}:{ports[name]}" for name in _endpoint_names(plan)}
    return Assembly((servers, models, services), {"nats": nats.url, "redis": redis.url, **addresses})


def _choose_ports(plan: StackPlan) -> dict[str, int]:
    fixed_names = ("nats", "redis", *_endpoint_names(plan))
    for name, port in plan.ports.items():
        if name not in fixed_names:
            raise EmbeddedError(f"nothing is called {name}; ports can be given to {', '.join(fixed_names)}")
        require_free(port, name)
    if len(set(plan.ports.values())) < len(plan.ports):
        raise EmbeddedError("the same port is given to two services")
    ports = dict(plan.ports)
    for name in ("nats", "redis", "replay_model", *_endpoint_names(plan)):
        while name not in ports:
            candidate = free_port()
            if candidate not in ports.values():
                ports[name] = candidate
    return ports


def _endpoint_names(plan: StackPlan) -> list[str]:
    return [port for service in plan.services for name in _instances(plan, service) for port in _ports(service, name)]


def _ports(service: Service, instance: str) -> list[str]:
    """Names of the ports of one instance."""
    if service.chat_name is None:
        return [instance]
    return [instance, instance.replace(service.name, service.chat_name, 1)]


def _around(around: Surroundings, ports: Mapping[str, int], service: Service, instance: str) -> Surroundings:
    first, *others = (ports[name] for name in _ports(service, instance))
    return replace(around, http_port=first, chat_port=others[0] if others else 0)


def _instances(plan: StackPlan, service: Service) -> list[str]:
    count = plan.layout.replicas.get(service.name, 1) if isinstance(plan.layout, OneProcessEach) else 1
    return [service.name if number == 1 else f"{service.name}-{number}" for number in range(1, count + 1)]


def _model_unit(plan: StackPlan, model: ReplayModel, *, port: int) -> Unit:
    domain = () if model.domain_file is None else ("--domain", str(model.domain_file))
    program = (sys.executable, "-m", model.module, "--port", str(port), *domain, *model.arguments)
    command = Command("replay_model", program, _log_file(plan, "replay_model"))
    return ChildUnit("replay_model", Child(command), thread_probe(lambda: accepts(port)))


def _service_unit(plan: StackPlan, service: Service, name: str, around: Surroundings) -> Unit:
    environment = service.environment(around, plan.environment)
    match plan.layout:
        case AllInThisProcess():
            return TaskUnit(name, service.serve(environment))
        case OneProcessEach():
            program = (sys.executable, "-m", service.package)
            child = Child(Command(name, program, _log_file(plan, name), environment))
            return ChildUnit(name, child, http_probe(f"http://{LOOPBACK}:{around.http_port}/readyz"))


def _log_file(plan: StackPlan, name: str) -> Path:
    return plan.data_dir / "logs" / f"{name}.log"
