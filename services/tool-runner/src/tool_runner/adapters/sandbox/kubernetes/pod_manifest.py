"""Which objects of Kubernetes run one piece of code, and what may they do? Nothing that is not written here.

A Job whose pod waits for a Secret with the code and its inputs; the Secret belongs to the Job, so that it goes when the
Job goes, whoever deletes that: the tool runner, its sweep, or Kubernetes itself after `TTL_SECONDS`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from tool_runner.adapters.sandbox import boot
from tool_runner.adapters.sandbox.kubernetes import pod_boot
from tool_runner.adapters.sandbox.outcome import report_bytes_max
from tool_runner.adapters.sandbox.recipe import DISK_BYTES_MAX
from tool_runner.domain.sandbox import SandboxLimits

PART_LABEL, NAME_LABEL, RUNNER_LABEL = "hil.dev/part", "hil.dev/code", "hil.dev/runner"
PART = "sandbox"
CONTAINER = "code"
JOB_BYTES_MAX = 900 * 1024
"""Of code and inputs as JSON: Kubernetes keeps a Secret of 1 MiB."""
TTL_SECONDS = 60
END_SECONDS_MAX = 10.0
"""From the deadline of the code until its pod has ended and its log is there."""
STORAGE_BYTES_MAX = 32 * 1024 * 1024
"""Of the pod's log, which is all that it can write on the node."""
_USER = 65534
Body = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class PodOptions:
    """What settings say about pods."""

    image: str = "python:3.11-slim-bookworm"
    runtime_class: str = "gvisor"
    start_seconds_max: float = 60.0


@dataclass(frozen=True, slots=True)
class Naming:
    """The name of one execution, and the tool runner that asked for it."""

    name: str
    runner: str

    def labels(self) -> Body:
        """By which policies, sweeps and watches find all that belongs to it."""
        return {PART_LABEL: PART, NAME_LABEL: self.name, RUNNER_LABEL: self.runner}


def job_text(code: str, inputs: JsonValue, limits: SandboxLimits) -> str:
    """What pod_boot.py reads."""
    job = {"code": code, "inputs": inputs, "files_max": limits.files_max, "files_bytes_max": limits.files_bytes_max}
    asked = {
        "job": job,
        "seconds": limits.wall_seconds_max,
        "output_bytes_max": limits.output_bytes_max + 1,
        "report_bytes_max": report_bytes_max(limits) + 1,
    }
    return json.dumps(asked)


def secret_body(naming: Naming, text: str, *, job_uid: str) -> Body:
    """The code, its inputs and the two scripts that run it."""
    owner: Body = {"apiVersion": "batch/v1", "kind": "Job", "name": naming.name, "uid": job_uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": naming.name, "labels": naming.labels(), "ownerReferences": [owner]},
        "immutable": True,
        "stringData": {"job.json": text, **_scripts()},
    }


def _scripts() -> Mapping[str, str]:
    return {
        Path(str(script.__file__)).name: Path(str(script.__file__)).read_text("utf-8") for script in (boot, pod_boot)
    }


def job_body(naming: Naming, options: PodOptions, limits: SandboxLimits) -> Body:
    """One pod, once, for a bounded time."""
    seconds = options.start_seconds_max + limits.wall_seconds_max + END_SECONDS_MAX
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": naming.name, "labels": naming.labels()},
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": int(seconds) + 1,
            "ttlSecondsAfterFinished": TTL_SECONDS,
            "template": {"metadata": {"labels": naming.labels()}, "spec": _pod(naming, options, limits)},
        },
    }


def _pod(naming: Naming, options: PodOptions, limits: SandboxLimits) -> Body:
    """No token, no variable, no name service, no right, nothing to write but two folders in memory."""
    return {
        "runtimeClassName": options.runtime_class,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostname": "sandbox",
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(options, limits)],
        "volumes": [{"name": "job", "secret": {"secretName": naming.name, "defaultMode": 0o444}}, *_in_memory()],
    }


def _in_memory() -> list[JsonValue]:
    return [{"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": str(DISK_BYTES_MAX)}} for name in _FOLDERS]


_FOLDERS = {"box": "/box", "tmp": "/tmp"}  # noqa: S108 - the pod's own


def _container(options: PodOptions, limits: SandboxLimits) -> Body:
    resources: Body = {
        "cpu": f"{round(limits.cpu_share_max * 1000)}m",
        "memory": str(limits.memory_bytes_max),
        "ephemeral-storage": str(STORAGE_BYTES_MAX),
    }
    writable: list[JsonValue] = [{"name": name, "mountPath": path} for name, path in _FOLDERS.items()]
    return {
        "name": CONTAINER,
        "image": options.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-I", "-B", f"{pod_boot.FOLDER}/pod_boot.py"],
        "workingDir": "/box",
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "privileged": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "job", "mountPath": pod_boot.FOLDER, "readOnly": True}, *writable],
    }
