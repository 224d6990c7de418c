"""Do k8s/sandbox and its component give the tool runner what it needs to run code as Jobs, and no more?"""

from pathlib import Path

import kubernetes_validate
import pytest
from tests.support.deployment_files import OVERLAYS, SANDBOX, Yaml, rendered, resources, setting_names

from tool_runner.adapters.sandbox.kubernetes.pod_manifest import (
    STORAGE_BYTES_MAX,
    Naming,
    PodOptions,
    job_body,
    secret_body,
)
from tool_runner.domain.sandbox import SandboxLimits
from tool_runner.settings import Settings

NAMESPACE = Settings.model_fields["sandbox_kubernetes_namespace"].default
VERSION = "1.37"


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> list[Yaml]:
    return rendered(SANDBOX, tmp_path_factory.mktemp("sandbox"))


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> list[Yaml]:
    [local] = [folder for folder in OVERLAYS if folder.name == "local"]
    return rendered(local, tmp_path_factory.mktemp("overlay"), components=["sandbox"])


def one(bodies: list[Yaml], kind: str, name: str) -> Yaml:
    [found] = [body for body in bodies if (body["kind"], body["metadata"]["name"]) == (kind, name)]
    return found


def test_all_objects_are_valid_and_of_the_namespace_that_the_tool_runner_uses(namespace: list[Yaml]) -> None:
    for body in namespace:
        kubernetes_validate.validate(body, VERSION, strict=True)
    places = {body["metadata"].get("namespace", body["metadata"]["name"]) for body in namespace}
    assert places == {NAMESPACE}
    assert one(namespace, "Namespace", NAMESPACE)["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }


def test_the_role_is_bound_to_the_tool_runner_of_the_overlay(namespace: list[Yaml], overlay: list[Yaml]) -> None:
    [subject] = one(namespace, "RoleBinding", "tool-runner")["subjects"]
    account = one(overlay, "ServiceAccount", subject["name"])
    assert subject["namespace"] == account["metadata"]["namespace"]
    pod = one(overlay, "Deployment", "tool-runner")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == subject["name"]


def test_all_pods_that_tool_runners_may_run_at_once_are_within_the_bounds(namespace: list[Yaml]) -> None:
    hard = one(namespace, "ResourceQuota", "bounds")["spec"]["hard"]
    runner = one([resource.body for resource in resources()], "Deployment", "tool-runner")["spec"]
    replicas = runner["replicas"] + runner["strategy"]["rollingUpdate"]["maxSurge"]
    assert replicas * Settings.model_fields["sandbox_slots"].default <= int(hard["pods"])
    limits = SandboxLimits()
    assert int(hard["pods"]) * limits.cpu_share_max <= int(hard["limits.cpu"])
    for bound, of_one in {"memory": limits.memory_bytes_max, "ephemeral-storage": STORAGE_BYTES_MAX}.items():
        assert int(hard["pods"]) * of_one <= int(hard[f"limits.{bound}"].removesuffix("Gi")) * 2**30


def test_the_component_changes_nothing_but_the_tool_runner(overlay: list[Yaml], tmp_path: Path) -> None:
    [local] = [folder for folder in OVERLAYS if folder.name == "local"]
    without = rendered(local, tmp_path)
    changed = [(body["kind"], body["metadata"]["name"]) for body in overlay if body not in without]
    assert changed == [("Deployment", "tool-runner"), ("NetworkPolicy", "tool-runner-to-kubernetes")]
    for body in overlay:
        kubernetes_validate.validate(body, VERSION, strict=True)


def test_the_tool_runner_gets_settings_that_it_has_and_a_token_that_ends(overlay: list[Yaml]) -> None:
    pod = one(overlay, "Deployment", "tool-runner")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    given = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert given.keys() - {"NATS_PASSWORD", "REDIS_PASSWORD", "MONGO_PASSWORD"} <= setting_names("tool-runner")
    assert (given["TOOL_RUNNER_SANDBOX_BACKEND"], given["TOOL_RUNNER_SANDBOX_TIER_MIN"]) == ("kubernetes", "C")
    [mount] = [one for one in container["volumeMounts"] if one["name"] == "kubernetes"]
    assert mount["mountPath"] == given["TOOL_RUNNER_SANDBOX_KUBERNETES_CREDENTIALS"]
    [volume] = [one for one in pod["volumes"] if one["name"] == "kubernetes"]
    token, authority = volume["projected"]["sources"]
    assert token == {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
    assert authority["configMap"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    assert pod["automountServiceAccountToken"] is False


def test_the_pod_of_code_has_every_fence_that_kubernetes_offers() -> None:
    naming, limits = Naming("hil-code-1", "runner"), SandboxLimits()
    body = job_body(naming, PodOptions(), limits)
    for made in (body, secret_body(naming, "{}", job_uid="uid")):
        kubernetes_validate.validate(made, VERSION, strict=True)
    spec = body["spec"]
    assert isinstance(spec, dict)
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 81, 60)
    pod = spec["template"]["spec"]  # type: ignore[index, call-overload]
    assert pod.keys() == {
        *("runtimeClassName", "restartPolicy", "automountServiceAccountToken", "enableServiceLinks", "hostname"),
        *("dnsPolicy", "dnsConfig", "terminationGracePeriodSeconds", "securityContext", "containers", "volumes"),
    }  # fmt: skip
    assert (pod["runtimeClassName"], pod["automountServiceAccountToken"]) == ("gvisor", False)
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "env" not in container
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert container["resources"]["limits"]["memory"] == str(512 * 2**20)
    writable = [volume for volume in pod["volumes"] if "secret" not in volume]
    assert all(volume["emptyDir"] == {"medium": "Memory", "sizeLimit": str(64 * 2**20)} for volume in writable)
