"""Who runs code as Jobs of Kubernetes, so many at once as there are slots, and takes away what is left of them?"""

import asyncio
import dataclasses
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import JsonValue

from tool_runner.adapters.sandbox.boxed_sandbox import CODE_CHARACTERS_MAX
from tool_runner.adapters.sandbox.kubernetes.cluster_api import ClusterAddress, ClusterApi, opened_api
from tool_runner.adapters.sandbox.kubernetes.pod_log import (
    TIER,
    Ended,
    Running,
    log_bytes_max,
    pod_state,
    result_of,
)
from tool_runner.adapters.sandbox.kubernetes.pod_manifest import (
    CONTAINER,
    END_SECONDS_MAX,
    JOB_BYTES_MAX,
    NAME_LABEL,
    PART,
    PART_LABEL,
    RUNNER_LABEL,
    Naming,
    PodOptions,
    job_body,
    job_text,
    secret_body,
)
from tool_runner.domain.sandbox import SandboxLimits, SandboxResult, SandboxUnavailable

ABANDONED = timedelta(minutes=15)
"""Older than any Job may live; Kubernetes ends and removes them itself, so that this is the second fence."""
WATCHES_MAX = 50
_WALL = Ended("", 137, "wall")


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Where Jobs run and how."""

    address: ClusterAddress = field(default_factory=ClusterAddress)
    pod: PodOptions = field(default_factory=PodOptions)
    end_seconds_max: float = END_SECONDS_MAX


class KubernetesSandbox:
    """Each piece of code is a Job, whose pod gets it as a Secret and whose log is its report."""

    def __init__(self, api: ClusterApi, options: ClusterOptions, *, slots: int) -> None:
        self._api, self._options = api, options
        self._free = asyncio.Semaphore(slots)
        self.runner = _own_label(socket.gethostname())

    async def execute(self, code: str, inputs: JsonValue, limits: SandboxLimits) -> SandboxResult:
        """Raises SandboxUnavailable; whatever the code does is a result."""
        started = time.monotonic()
        text = job_text(code, inputs, limits)
        if len(code) > CODE_CHARACTERS_MAX or len(text) > JOB_BYTES_MAX:
            error = f"the code and its inputs have {len(text)} bytes, the limit is {JOB_BYTES_MAX} with Kubernetes"
            return SandboxResult(TIER, 1, "", error=error)
        try:
            async with asyncio.timeout(limits.wall_seconds_max):
                await self._free.acquire()
        except TimeoutError as error:
            raise SandboxUnavailable(
                f"all sandboxes were in use for {limits.wall_seconds_max:g} s; raise TOOL_RUNNER_SANDBOX_SLOTS"
            ) from error
        naming = Naming(f"hil-code-{secrets.token_hex(8)}", self.runner)
        try:
            result = await self._ran(naming, text, limits)
        finally:
            await asyncio.shield(self._removed(naming.name))
        return dataclasses.replace(result, wall_ms=round((time.monotonic() - started) * 1000, 1))

    async def sweep(self, now: datetime) -> int:
        """Remove what a killed tool runner of this pod left behind, and what anybody left too long ago. How many."""
        names = [name for job in await self._api.jobs(f"{PART_LABEL}={PART}") if (name := self._left(job, now))]
        for name in names:
            await self._api.delete_job(name)
        return len(names)

    def _left(self, job: JsonValue, now: datetime) -> str:
        match job:
            case {"metadata": {"name": str(name), "creationTimestamp": str(made), "labels": dict(labels)}}:
                own = labels.get(RUNNER_LABEL) == self.runner
                return name if own or now - datetime.fromisoformat(made) > ABANDONED else ""
        return ""

    async def _ran(self, naming: Naming, text: str, limits: SandboxLimits) -> SandboxResult:
        job_uid = await self._api.create_job(job_body(naming, self._options.pod, limits))
        await self._api.create_secret(secret_body(naming, text, job_uid=job_uid))
        ended = await self._ended(naming.name, limits)
        log = b""
        if ended.pod:
            log = await self._api.log(ended.pod, CONTAINER, bytes_max=log_bytes_max(limits))
        return await asyncio.to_thread(result_of, ended, log, limits)  # A result of 1 MiB takes a while to check.

    async def _ended(self, name: str, limits: SandboxLimits) -> Ended:
        """How its pod ended. One that never runs is no fault of the code; one that runs for too long is."""
        running = False
        try:
            async with asyncio.timeout(self._options.pod.start_seconds_max) as deadline:
                for _ in range(WATCHES_MAX):
                    async with aclosing(self._api.watch_pods(f"{NAME_LABEL}={name}", seconds=60)) as states:
                        async for told in states:
                            state = _state(told)
                            if isinstance(state, Ended):
                                return state
                            if isinstance(state, Running) and not running:
                                running = True
                                left = limits.wall_seconds_max + self._options.end_seconds_max
                                deadline.reschedule(asyncio.get_running_loop().time() + left)
                    await asyncio.sleep(0.1)  # The API ended the watch; it may be busy.
        except TimeoutError as error:
            if running:
                return _WALL
            raise SandboxUnavailable(
                f"no pod of the code ran within {self._options.pod.start_seconds_max:g} s: does the cluster have room, "
                f"the RuntimeClass {self._options.pod.runtime_class} and the image {self._options.pod.image}?"
            ) from error
        raise SandboxUnavailable(f"Kubernetes ended {WATCHES_MAX} watches on the pod of the code")

    async def _removed(self, name: str) -> None:
        """Kubernetes does it itself after the deadline of the Job, if it cannot be asked now."""
        try:
            await self._api.delete_job(name)
        except SandboxUnavailable as error:
            structlog.get_logger().warning("sandbox.job_left", job=name, reason=str(error))
        finally:
            self._free.release()


def _state(told: dict[str, JsonValue]) -> object:
    match told:
        case {"type": "DELETED"}:
            raise SandboxUnavailable("the pod of the code was deleted")
        case {"type": "ADDED" | "MODIFIED", "object": pod}:
            return pod_state(pod)
    return None  # Bookmarks, and errors of the watch, after which it ends.


def _own_label(host_name: str) -> str:
    """The same after a restart in the same pod, and no other pod's; of a form that labels may have."""
    return hashlib.sha256(host_name.encode()).hexdigest()[:16]


@asynccontextmanager
async def running_in_cluster(options: ClusterOptions, *, slots: int) -> AsyncIterator[KubernetesSandbox]:
    """For as long as the block runs, with nothing of a predecessor left. Raises SandboxUnavailable."""
    async with opened_api(options.address) as api:
        sandbox = KubernetesSandbox(api, options, slots=slots)
        await sandbox.sweep(datetime.now(UTC))  # noqa: TID251 - beside the clock of the cluster
        yield sandbox
