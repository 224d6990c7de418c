"""A stand-in for the API of Kubernetes and for the node behind it: which calls are taken, and what becomes of a pod?

It is no cluster. It checks every object by Kubernetes' own schema, asks for the token, allows what the role in
k8s/sandbox allows, and runs the container's command as kubernetes_node.py says; policies are its missing network, and
RuntimeClasses are not there."""

import asyncio
import datetime
import ipaddress
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hil.embedded.ports import free_port
from tests.support.deployment_files import SANDBOX
from tests.support.kubernetes_node import Body, Node, bubblewrapped
from tool_runner.adapters.sandbox.kubernetes.kubernetes_sandbox import ClusterOptions, KubernetesSandbox

TOKEN = "the token of the tool runner"
VERSION = "1.37"
Right = tuple[str, str, str]
"""Group, resource, verb."""


@dataclass(frozen=True, slots=True)
class PodEnd:
    """How a pod ends instead of being run, and what it has logged."""

    status: Body
    log: bytes = b""


@dataclass
class StandIn:
    """What it holds, what it was asked, and how it misbehaves."""

    image: Path
    directory: Path
    jobs: dict[str, Body] = field(default_factory=dict)
    secrets: dict[str, Body] = field(default_factory=dict)
    pods: dict[str, Body] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    rights: set["Right"] = field(default_factory=lambda: set(granted()))
    used: set["Right"] = field(default_factory=set)
    refuse: Callable[[str], web.StreamResponse | None] = lambda _: None
    end: Callable[[str], PodEnd | None] = lambda _: None
    cut_watches: int = 0
    silent: bool = False
    node: Node = bubblewrapped
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    running: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=4 * 1024 * 1024)
        root, batch = "/api/v1/namespaces/hil-sandbox", "/apis/batch/v1/namespaces/hil-sandbox"
        app.router.add_post(f"{batch}/jobs", self._create_job)
        app.router.add_get(f"{batch}/jobs", self._list_jobs)
        app.router.add_delete(f"{batch}/jobs/{{name}}", self._delete_job)
        app.router.add_post(f"{root}/secrets", self._create_secret)
        app.router.add_get(f"{root}/pods", self._watch)
        app.router.add_get(f"{root}/pods/{{name}}/log", self._log)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.silent:
            await asyncio.Event().wait()
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return status(401, "Unauthorized", "no such token")
        right = right_of(request)
        self.used.add(right)
        if right not in self.rights:
            return status(403, "Forbidden", f"{right} is not allowed")
        if (refused := self.refuse(f"{request.method} {request.path}")) is not None:
            return refused
        answered: web.StreamResponse = await handler(request)
        return answered

    async def _create_job(self, request: web.Request) -> web.Response:
        body = json.loads(await request.text())
        kubernetes_validate.validate(body, VERSION, strict=True)
        name = body["metadata"]["name"]
        made = datetime.datetime.now(datetime.UTC).isoformat()
        body["metadata"] |= {"uid": f"uid-{name}", "creationTimestamp": made}
        self.jobs[name] = body
        return web.json_response(body, status=201)

    async def _create_secret(self, request: web.Request) -> web.Response:
        body = json.loads(await request.text())
        kubernetes_validate.validate(body, VERSION, strict=True)
        name = body["metadata"]["name"]
        [owner] = body["metadata"]["ownerReferences"]
        assert self.jobs[name]["metadata"]["uid"] == owner["uid"]
        assert sum(map(len, body["stringData"].values())) <= 1024 * 1024
        self.secrets[name] = body
        self.running[name] = asyncio.create_task(self._run_pod(name))
        return web.json_response(body, status=201)

    async def _list_jobs(self, request: web.Request) -> web.Response:
        name, _, value = request.query["labelSelector"].partition("=")
        found = [job for job in self.jobs.values() if job["metadata"]["labels"].get(name) == value]
        return web.json_response({"kind": "JobList", "items": found})

    async def _delete_job(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if self.jobs.pop(name, None) is None:
            return status(404, "NotFound", f'jobs.batch "{name}" not found')
        self.secrets.pop(name, None)
        await self.end_pod(name)
        async with self.changed:
            self.pods.pop(name, None)
            self.changed.notify_all()
        return web.json_response({"kind": "Status", "status": "Success"})

    async def end_pod(self, name: str) -> None:
        """Until nothing of it runs."""
        if (pod := self.running.pop(name, None)) is not None:
            pod.cancel()
            await asyncio.wait({pod})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        name = request.query["labelSelector"].partition("=")[2]
        response = web.StreamResponse()
        await response.prepare(request)
        if self.cut_watches > 0:
            self.cut_watches -= 1
            return response
        told: str | None = None
        async with self.changed:
            while True:
                pod = self.pods.get(name)
                if (now := json.dumps(pod)) != told and (pod is not None or told is not None):
                    event = "DELETED" if pod is None else "ADDED" if told is None else "MODIFIED"
                    await response.write(json.dumps({"type": event, "object": pod or {}}).encode() + b"\n")
                    told = now
                if pod is None and told is not None:
                    return response
                await self.changed.wait()

    async def _log(self, request: web.Request) -> web.Response:
        assert request.query["container"] == "code"
        return web.Response(body=self.logs[request.match_info["name"]][: int(request.query["limitBytes"])])

    async def _run_pod(self, name: str) -> None:
        spec = self.jobs[name]["spec"]["template"]["spec"]
        pod: Body = {"metadata": {"name": f"{name}-x7x"}, "status": {"phase": "Pending"}}
        await self._told(name, pod)
        if (end := self.end(name)) is not None:
            self.logs[f"{name}-x7x"] = end.log
            await self._told(name, pod | {"status": end.status})
            return
        await self._told(name, pod | {"status": {"phase": "Running"}})
        code, self.logs[f"{name}-x7x"] = await self._ran(name, spec)
        terminated = {"exitCode": code, "reason": "Error" if code else "Completed"}
        ended = {"phase": "Failed" if code else "Succeeded"}
        ended |= {"containerStatuses": [{"name": "code", "state": {"terminated": terminated}}]}
        await self._told(name, pod | {"status": ended})

    async def _told(self, name: str, pod: Body) -> None:
        if name in self.jobs:
            async with self.changed:
                self.pods[name] = pod
                self.changed.notify_all()

    async def _ran(self, name: str, spec: Body) -> tuple[int, bytes]:
        folder = self.directory / name
        folder.mkdir()
        for file, content in self.secrets[name]["stringData"].items():
            (folder / file).write_text(content, "utf-8")
        command = self.node(self.image, spec, folder)
        making = asyncio.create_task(asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env={}))
        try:
            said, _ = await (await asyncio.shield(making)).communicate()
        except asyncio.CancelledError:
            process = await making  # One that is half made would leave its pipe open.
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()  # Until nobody holds its output.
            raise
        return making.result().returncode or 0, said


def granted() -> Iterator[Right]:
    """By the role that an administrator applies."""
    [role] = [body for body in yaml.safe_load_all((SANDBOX / "rights.yaml").read_text()) if body["kind"] == "Role"]
    for rule in role["rules"]:
        yield from itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])


def right_of(request: web.Request) -> Right:
    """As the API of Kubernetes names what is asked of it."""
    group = "batch" if request.path.startswith("/apis/batch/") else ""
    kind, *rest = request.path.partition("/namespaces/hil-sandbox/")[2].split("/")
    resource = "/".join((kind, *rest[1:]))
    if request.method == "GET":
        return group, resource, "watch" if request.query.get("watch") == "true" else "get" if rest else "list"
    return group, resource, {"POST": "create", "DELETE": "delete"}[request.method]


@dataclass
class Cluster:
    """The stand-in, and a sandbox on it."""

    api: StandIn
    options: ClusterOptions
    sandbox: KubernetesSandbox


def status(code: int, reason: str, message: str) -> web.Response:
    """As the API refuses."""
    return web.json_response({"kind": "Status", "reason": reason, "message": message, "code": code}, status=code)


@asynccontextmanager
async def serving(stand_in: StandIn, credentials: Path) -> AsyncIterator[str]:
    """Its address; `credentials` gets what a pod finds in its service account's folder."""
    give_credentials(credentials)
    secured = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secured.load_cert_chain(credentials / "ca.crt", credentials / "key.pem")
    runner = web.AppRunner(stand_in.application(), shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=secured).start()
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
        for name in [*stand_in.running]:
            await stand_in.end_pod(name)


def give_credentials(folder: Path) -> None:
    """What a pod finds in its service account's folder; and the key of the API, which is its own authority."""
    certificate, key = authority_of_itself()
    (folder / "ca.crt").write_bytes(certificate)
    (folder / "token").write_text(f"{TOKEN}\n")
    (folder / "key.pem").write_bytes(key)


def authority_of_itself() -> tuple[bytes, bytes]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private
