"""How is the API of Kubernetes asked, within deadlines and limits?

Only for what the role in k8s/sandbox allows: Jobs, Secrets that can be made and not read, pods to watch, logs."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import orjson
from pydantic import JsonValue

from tool_runner.domain.sandbox import SandboxUnavailable

REQUEST_SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 4 * 1024 * 1024
CREDENTIALS = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_BYTES_MAX = 64 * 1024
TRIES_MAX = 4
"""Of what the API itself asks to be tried again: too many requests, another writer of the same quota."""
PAUSE_SECONDS = 0.1
"""Before the second try; each is four times as long as the one before."""
_JOBS = {"propagationPolicy": "Background"}
Body = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Which API, which namespace, and where a pod finds its token and the API's certificate authority."""

    url: str = "https://kubernetes.default.svc"
    namespace: str = "hil-sandbox"
    credentials: Path = CREDENTIALS
    request_seconds_max: float = REQUEST_SECONDS_MAX
    pause_seconds: float = PAUSE_SECONDS


class ClusterApi:
    """One namespace, as the service account of the tool runner may use it. Everything raises SandboxUnavailable."""

    def __init__(self, address: ClusterAddress, http: httpx2.AsyncHTTPTransport) -> None:
        self._address, self._http = address, http
        # Shorter than the deadline around it, which would leave a connection open that is being made.
        connecting = address.request_seconds_max / 2
        self._timeouts = {"timeout": {"connect": connecting, "pool": connecting, "read": None, "write": None}}

    async def create_job(self, body: Body) -> str:
        """Its uid."""
        made = await self._json("POST", self._path("batch/v1", "jobs"), body=body)
        metadata = made.get("metadata")
        uid = metadata.get("uid") if isinstance(metadata, dict) else None
        if not isinstance(uid, str):
            raise SandboxUnavailable("Kubernetes made a Job and did not say its uid")
        return uid

    async def create_secret(self, body: Body) -> None:
        """It is never read: only the pod gets it."""
        await self._json("POST", self._path("v1", "secrets"), body=body)

    async def delete_job(self, name: str) -> None:
        """With its pods and its Secret; nothing happens where there is none."""
        await self._json("DELETE", self._path("batch/v1", "jobs", name), query=_JOBS, fine=(HTTPStatus.NOT_FOUND,))

    async def jobs(self, selector: str) -> list[JsonValue]:
        """At most 500."""
        listed = await self._json(
            "GET", self._path("batch/v1", "jobs"), query={"labelSelector": selector, "limit": "500"}
        )
        found = listed.get("items")
        return found if isinstance(found, list) else []

    async def log(self, pod: str, container: str, *, bytes_max: int) -> bytes:
        """Of a pod that has ended; one byte over the limit tells that there is more."""
        query = {"container": container, "limitBytes": str(bytes_max + 1)}
        async with (
            self._deadline(f"the log of {pod}"),
            self._answer("GET", self._path("v1", "pods", pod, "log"), query) as got,
        ):
            return await _content(got, bytes_max + 1)

    async def watch_pods(self, selector: str, *, seconds: float) -> AsyncGenerator[Body]:
        """Each state of each pod, beginning with those that are there; ends when the API has had enough."""
        query = {"watch": "true", "labelSelector": selector, "timeoutSeconds": str(int(seconds) + 1)}
        async with self._answer("GET", self._path("v1", "pods"), query) as got:
            left = bytearray()
            async for piece in got.aiter_raw():
                left += piece
                *lines, left = left.split(b"\n")
                if len(left) > ANSWER_BYTES_MAX:
                    raise SandboxUnavailable(f"Kubernetes tells of a pod in more than {ANSWER_BYTES_MAX} bytes")
                for line in filter(None, lines):
                    yield _object(bytes(line))

    def _path(self, group: str, *words: str) -> str:
        kind, *rest = words
        root = "api" if group == "v1" else "apis"
        return "/".join(("", root, group, "namespaces", self._address.namespace, kind, *rest))

    async def _json(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
        fine: tuple[int, ...] = (),
    ) -> Body:
        async with self._deadline(f"{method} {path}"):
            for tried in range(1, TRIES_MAX + 1):
                try:
                    async with self._answer(method, path, query, body=body, fine=fine) as got:
                        return _object(await _content(got, ANSWER_BYTES_MAX))
                except _AskedAgain as again:
                    if tried == TRIES_MAX:
                        raise SandboxUnavailable(f"{again} (tried {tried} times)") from again
                    await asyncio.sleep(self._address.pause_seconds * 4 ** (tried - 1))
        raise AssertionError("every try returns or raises")

    @asynccontextmanager
    async def _deadline(self, what: str) -> AsyncIterator[None]:
        seconds = self._address.request_seconds_max
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise SandboxUnavailable(f"Kubernetes did not answer within {seconds:g} s: {what}") from error

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        *,
        body: Body | None = None,
        fine: tuple[int, ...] = (),
    ) -> AsyncIterator[httpx2.Response]:
        url = f"{self._address.url}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"authorization": f"Bearer {_token(self._address.credentials)}", "accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        content = None if body is None else orjson.dumps(body)
        request = httpx2.Request(method, url, headers=headers, content=content, extensions=self._timeouts)
        try:
            response = await self._http.handle_async_request(request)
            try:
                if not response.is_success and response.status_code not in fine:
                    raise await _refusal(method, path, response)
                yield response
            finally:
                await response.aclose()
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise SandboxUnavailable(f"Kubernetes at {self._address.url} cannot be asked: {error!r}"[:500]) from error


class _AskedAgain(SandboxUnavailable):
    """The API took nothing, and says that it may later."""


async def _refusal(method: str, path: str, response: httpx2.Response) -> SandboxUnavailable:
    status = response.status_code
    said = await _content(response, ANSWER_BYTES_MAX)
    try:
        told = orjson.loads(said)
    except orjson.JSONDecodeError:
        told = {}
    message, reason = (str(told.get(name, "")) if isinstance(told, dict) else "" for name in ("message", "reason"))
    hint = "; apply k8s/sandbox, and use the tool runner's own service account" if status in (401, 403) else ""
    text = f"Kubernetes refused {method} {path}: {status} {message[:300]}{hint}"
    again = status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.CONFLICT and reason != "AlreadyExists")
    return _AskedAgain(text) if again else SandboxUnavailable(text)


async def _content(response: httpx2.Response, bytes_max: int) -> bytes:
    """Cut at the limit."""
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) >= bytes_max:
            break
    return bytes(content[:bytes_max])


def _object(text: bytes) -> Body:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SandboxUnavailable(f"Kubernetes answered no JSON: {error}") from error
    if not isinstance(value, dict):
        raise SandboxUnavailable("Kubernetes answered something else than an object")
    return value


def _token(credentials: Path) -> str:
    """Read each time: Kubernetes replaces it before it ends."""
    try:
        with (credentials / "token").open("rb") as file:
            token = file.read(TOKEN_BYTES_MAX).strip()
    except OSError as error:
        raise SandboxUnavailable(
            f"{error.filename}: {error.strerror}; the pod needs its service account's token"
        ) from error
    if not token.isascii() or not token:
        raise SandboxUnavailable(f"{credentials / 'token'}: is no token")
    return token.decode()


@asynccontextmanager
async def opened_api(address: ClusterAddress) -> AsyncIterator[ClusterApi]:
    """Connections to it, checked against the pod's own certificate authority and nobody else's."""
    authority = address.credentials / "ca.crt"
    try:
        trusted = ssl.create_default_context(cafile=str(authority))
    except OSError as error:  # ssl.SSLError is one.
        raise SandboxUnavailable(f"{authority}: {error.strerror or error}; it must hold the API's authority") from error
    async with httpx2.AsyncHTTPTransport(verify=trusted, trust_env=False, retries=0) as http:
        yield ClusterApi(address, http)
