"""Which servers does a measurement of the gateway need, and how are real gateways started on them?"""

import hashlib
import http.client
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from hil.embedded.errors import StartFailed
from hil.embedded.nats_server import NatsServer, start_nats
from hil.embedded.ports import LOOPBACK, accepts, free_port
from hil.embedded.processes import Child, Command, wait_until_ready
from hil.embedded.redis_server import RedisServer, start_redis

READY_TIMEOUT_SECONDS = 60.0
_ASK_SECONDS = 10.0


@dataclass(slots=True)
class Program:
    """A child that listens on a port."""

    child: Child
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it, without waiting."""
        self.child.start()

    def wait(self, path: str) -> None:
        """Return when it answers 200 at `path`, or accepts connections where there is no path."""
        ready = (lambda: accepts(self.port)) if not path else (lambda: status_of(self.port, path) == 200)
        wait_until_ready(self.child, ready, timeout_seconds=READY_TIMEOUT_SECONDS)


@dataclass(slots=True)
class GatewayStack:
    """Redis, NATS and a mock upstream in `directory`, and any number of gateways on them."""

    directory: Path
    nats: NatsServer
    redis: RedisServer
    upstream: Program
    admin_key: str = field(default_factory=lambda: f"bench-{secrets.token_hex(16)}")
    _programs: list[Program] = field(default_factory=list)
    _keys: dict[str, str] = field(default_factory=dict)

    @property
    def keys_file(self) -> Path:
        return self.directory / "keys.yaml"

    def key_for(self, tenant: str) -> str:
        """A key of the tenant; call it before the gateways are started."""
        self._keys[tenant] = f"bench-{secrets.token_hex(16)}"
        entries = [_key_entry("admin", "*", ["admin"], self.admin_key)]
        entries += [_key_entry(one, one, ["chat"], key) for one, key in self._keys.items()]
        self.keys_file.write_text(yaml.safe_dump({"keys": entries}))
        self.keys_file.chmod(0o600)
        return self._keys[tenant]

    def program(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Program:
        """`python -m …`, its port is the last of `environment` or of the arguments; not started."""
        port = free_port()
        filled = tuple(one.replace("PORT", str(port)) for one in arguments)
        around = {name: one.replace("PORT", str(port)) for name, one in (environment or {}).items()}
        command = Command(
            name, (sys.executable, "-m", *filled), self.directory / f"{name}.log", {**os.environ, **around}
        )
        program = Program(Child(command), port)
        self._programs.append(program)
        return program

    def gateway(self, name: str, models_file: Path, **settings: str) -> Program:
        """A real gateway process; not started."""
        wanted = {
            "nats_url": self.nats.url,
            "redis_url": self.redis.url,
            "http_port": "PORT",
            "provider_url": f"{self.upstream.url}/v1",
            "provider_api_key": "none",
            "models_file": str(models_file),
            "api_keys_file": str(self.keys_file),
            "pii_secret": "bench",
            **settings,
        }
        environment = {f"LLM_GATEWAY_{key.upper()}": value for key, value in wanted.items()}
        return self.program(name, "llm_gateway", environment=environment)

    def set_caps(self, gateway: Program, path: str, microdollars: int) -> None:
        """Put a total cap in force; `path` is tenant/scope/id."""
        body = json.dumps({"caps": {"total": microdollars}}).encode()
        ask(gateway.port, f"/admin/budgets/{path}", key=self.admin_key, method="PUT", body=body)

    def stop(self) -> None:
        """End everything."""
        for program in self._programs:
            program.child.terminate()
        for program in self._programs:
            program.child.stop()
        self.redis.stop()
        self.nats.stop()


@contextmanager
def gateway_stack(directory: Path, *, delay_ms: float) -> Iterator[GatewayStack]:
    """The servers, started; all that was started on them ends with them."""
    directory.mkdir(parents=True, exist_ok=True)
    nats = start_nats(directory / "nats")
    try:
        redis = start_redis(directory / "redis")
    except BaseException:
        nats.stop()
        raise
    stack = GatewayStack(directory, nats, redis, Program(Child(Command("none", (), directory / "none.log")), 0))
    try:
        stack.upstream = stack.program("upstream", "hil.bench.upstream", "PORT", str(delay_ms))
        stack.upstream.start()
        stack.upstream.wait("")
        yield stack
    finally:
        stack.stop()


def ask(port: int, path: str, *, key: str, method: str = "GET", body: bytes | None = None) -> object:
    """The JSON of an answer; raises StartFailed when it is refused."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_ASK_SECONDS)
    try:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        connection.request(method, path, body=body, headers=headers)
        answered = connection.getresponse()
        content = answered.read()
    finally:
        connection.close()
    if answered.status >= 300:
        raise StartFailed(f"{method} {path} was answered with {answered.status}: {content[:300]!r}")
    return json.loads(content or b"null")


def status_of(port: int, path: str) -> int:
    """The status of an answer, 0 where none comes."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Children that are started inside stay on the core; None: wherever they are."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _key_entry(name: str, tenant: str, scopes: list[str], key: str) -> dict[str, object]:
    return {"name": name, "tenant": tenant, "scopes": scopes, "sha256": hashlib.sha256(key.encode()).hexdigest()}
