"""Would Docker, Compose and Kubernetes accept our files, and do they name what really exists?"""

import re
import subprocess
from pathlib import Path

import check_jsonschema
import jsonschema
import kubernetes_validate
import pytest
import yaml
from tests.support.deployment_files import (
    BASE,
    COMPONENTS,
    COMPOSE,
    DOCKERFILE,
    OVERLAYS,
    ROOT,
    SANDBOX,
    SERVERS,
    SERVICES,
    Resource,
    Yaml,
    compose,
    containers,
    kustomization,
    rendered,
    resources,
    setting_names,
    setting_names_that_must_be_given,
    tool,
    workloads,
)

from tool_runner.adapters.manifest_file import load_manifest

KUBERNETES_VERSION = "1.37"
PINNED_IMAGE = re.compile(r"[a-z0-9./-]+:(\$\{HIL_VERSION:-)?\d+\.\d+[a-z0-9.-]*\}?")
WITHOUT_SECRET = re.compile(r"^[A-Z_]*(?:PASSWORD|SECRET)=\s*$", re.MULTILINE)


def compose_services() -> list[tuple[str, Yaml]]:
    return list(compose()["services"].items())


# --- Dockerfile


def dockerfile_copies() -> list[str]:
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("COPY ")]
    return [source for line in lines if "--from=" not in line for source in line.split()[1:-1]]


@pytest.mark.parametrize("service", SERVICES)
def test_everything_that_the_dockerfile_copies_exists_for_each_service(service: str) -> None:
    missing = [source for source in dockerfile_copies() if not (ROOT / source.replace("${SERVICE}", service)).exists()]
    assert missing == []


def test_the_dependency_layer_knows_every_workspace_member() -> None:
    members = {
        str(path.relative_to(ROOT))
        for pattern in ("*/pyproject.toml", "libs/*/pyproject.toml", "services/*/pyproject.toml")
        for path in ROOT.glob(pattern)
    }
    assert members <= set(dockerfile_copies())


def test_the_dockerfile_passes_its_linter() -> None:
    lint = subprocess.run([tool("hadolint"), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout


def test_the_image_runs_as_an_unprivileged_user_and_holds_no_secret() -> None:
    text = DOCKERFILE.read_text()
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
    assert not re.search(r"(?i)password|api_key|token", text)
    assert "\n*\n" in (ROOT / ".dockerignore").read_text(), "what is not named must not reach the build"


# --- docker-compose.yml


def test_the_compose_file_follows_the_compose_specification() -> None:
    schema_file = Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor/compose-spec.json"
    schema = yaml.safe_load(schema_file.read_text())
    jsonschema.Draft202012Validator(schema).validate(compose())


def test_compose_runs_every_service_and_server_and_nothing_else() -> None:
    assert sorted(compose()["services"]) == sorted(SERVICES + SERVERS)


@pytest.mark.parametrize("service", SERVICES)
def test_compose_builds_each_service_from_the_one_dockerfile(service: str) -> None:
    body = compose()["services"][service]
    assert body["build"] == {"context": ".", "args": {"SERVICE": service}}
    assert body["image"] == f"hil-agent-system/{service}:${{HIL_VERSION:-0.1.0}}"


@pytest.mark.parametrize(("name", "body"), compose_services())
def test_each_compose_service_is_pinned_hardened_limited_and_health_checked(name: str, body: Yaml) -> None:
    assert PINNED_IMAGE.fullmatch(body["image"]), body["image"]
    assert body["read_only"] is True
    assert body["cap_drop"] == ["ALL"]
    assert body["security_opt"] == ["no-new-privileges:true"]
    assert not body.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "container_name"}
    assert {"cpus", "memory", "pids"} <= body["deploy"]["resources"]["limits"].keys()
    assert body["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert body["stop_grace_period"]
    assert body["logging"]["options"]["max-size"]


@pytest.mark.parametrize(("name", "body"), compose_services())
def test_compose_publishes_ports_on_loopback_only(name: str, body: Yaml) -> None:
    assert all(port.startswith("127.0.0.1:") for port in body.get("ports", []))


def test_no_two_compose_services_publish_the_same_port() -> None:
    published = [port.split(":")[1] for _, body in compose_services() for port in body.get("ports", [])]
    assert len(published) == len(set(published))


@pytest.mark.parametrize(("name", "body"), compose_services())
def test_what_compose_mounts_and_waits_for_exists(name: str, body: Yaml) -> None:
    sources = [volume.split(":")[0] for volume in body.get("volumes", [])]
    assert all((ROOT / source).is_file() for source in sources if source.startswith("."))
    assert {source for source in sources if not source.startswith(".")} <= compose()["volumes"].keys()
    assert body.get("depends_on", {}).keys() <= compose()["services"].keys()
    assert all(wait == {"condition": "service_healthy"} for wait in body.get("depends_on", {}).values())
    assert set(body["networks"]) <= compose()["networks"].keys()


@pytest.mark.parametrize("service", SERVICES)
def test_compose_sets_only_settings_that_the_service_has_and_all_that_it_needs(service: str) -> None:
    given = compose()["services"][service]["environment"].keys()
    assert given <= setting_names(service)
    assert setting_names_that_must_be_given(service) <= given


def test_every_variable_of_the_compose_file_is_explained_in_the_example_and_no_password_is_given() -> None:
    example = (ROOT / ".env.example").read_text()
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", COMPOSE.read_text()))
    assert used == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    secret = {name for name in used if name.endswith(("PASSWORD", "SECRET"))}
    assert len(WITHOUT_SECRET.findall(example)) == len(secret)
    assert all(f"${{{name}:?" in COMPOSE.read_text() for name in secret), "a missing secret must stop the start"


# --- k8s/


@pytest.mark.parametrize("resource", list(resources()), ids=str)
def test_each_manifest_is_valid_by_kubernetes_own_schema(resource: Resource) -> None:
    kubernetes_validate.validate(resource.body, KUBERNETES_VERSION, strict=True)


@pytest.mark.parametrize("folder", [BASE, SANDBOX, *OVERLAYS, *COMPONENTS], ids=lambda folder: folder.name)
def test_each_kustomization_names_files_that_exist_and_leaves_none_out(folder: Path) -> None:
    body = kustomization(folder)
    resources = body.get("resources", [])
    for reference in resources:
        assert (folder / reference).exists(), reference
    files = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert files <= set(resources)
    for generator in body.get("configMapGenerator", []):
        assert all((folder / file).is_file() for file in generator["files"])
    for generator in body.get("secretGenerator", []):
        assert all((folder / f"{file}.example").is_file() for file in generator["envs"]), "secrets come from a copy"


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda overlay: overlay.name)
def test_each_overlay_renders_to_valid_manifests_in_one_namespace(overlay: Path, tmp_path: Path) -> None:
    bodies = rendered(overlay, tmp_path)
    for body in bodies:
        kubernetes_validate.validate(body, KUBERNETES_VERSION, strict=True)
    namespaces = {body["metadata"].get("namespace") for body in bodies if body["kind"] != "Namespace"}
    assert namespaces == {kustomization(overlay)["namespace"]}
    names = {body["metadata"]["name"] for body in bodies if body["kind"] in {"Deployment", "StatefulSet"}}
    assert names == {*SERVICES, *SERVERS}


@pytest.mark.parametrize("name", SERVICES + SERVERS)
def test_each_service_has_its_objects_in_one_file_of_its_name(name: str) -> None:
    mine = [resource.body for resource in resources() if resource.file == BASE / f"{name}.yaml"]
    assert {body["metadata"]["name"] for body in mine} == {name}
    [workload] = [body for body in mine if body["kind"] in {"Deployment", "StatefulSet"}]
    expected = {workload["kind"], "Service", "ServiceAccount", "NetworkPolicy"}
    assert workload["kind"] == ("Deployment" if name in SERVICES else "StatefulSet")
    if workload["spec"]["replicas"] > 1:
        expected.add("PodDisruptionBudget")
    assert {body["kind"] for body in mine} == expected


@pytest.mark.parametrize("service", SERVICES)
def test_each_manifest_runs_the_image_that_the_dockerfile_makes(service: str) -> None:
    images = [body["image"] for place, body in containers() if f"/{service}.yaml" in place]
    assert images == [f"hil-agent-system/{service}:0.1.0"]


@pytest.mark.parametrize(("place", "container"), containers())
def test_each_container_is_pinned_hardened_limited_and_probed(place: str, container: Yaml) -> None:
    assert PINNED_IMAGE.fullmatch(container["image"]), container["image"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize("workload", workloads(), ids=str)
def test_each_pod_is_unprivileged_and_has_time_to_stop(workload: Resource) -> None:
    pod = workload.body["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert all("hostPath" not in volume for volume in pod["volumes"])
    assert pod["terminationGracePeriodSeconds"] >= 30


@pytest.mark.parametrize("service", SERVICES)
def test_services_are_probed_where_they_answer(service: str) -> None:
    [container] = [body for place, body in containers() if f"/{service}.yaml" in place]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    others = [{"name": "chat", "containerPort": 8081}] if service == "hil-inbox" else []
    assert container["ports"] == [{"name": "http", "containerPort": 8080}, *others]


def test_who_brings_customers_reaches_their_port_of_the_inbox_and_no_other() -> None:
    [inbox] = [r.body["spec"] for r in resources() if r.body["kind"] == "NetworkPolicy" and r.file.stem == "hil-inbox"]
    ways = {str(way["from"]): way["ports"] for way in inbox["ingress"]}
    assert [ports for who, ports in ways.items() if "chat-client" in who] == [[{"port": 8081}]]
    assert [ports for who, ports in ways.items() if "http-client" in who] == [[{"port": 8080}]]


@pytest.mark.parametrize("service", SERVICES)
def test_manifests_set_only_settings_that_the_service_has_and_all_that_it_needs(service: str) -> None:
    [container] = [body for place, body in containers() if f"/{service}.yaml" in place]
    parts = {
        name for variable in container["env"] for name in re.findall(r"\$\(([A-Z_]+)\)", variable.get("value", ""))
    }
    given = {variable["name"] for variable in container["env"]} - parts
    assert given <= setting_names(service)
    assert setting_names_that_must_be_given(service) <= given


def test_every_secret_that_manifests_ask_for_is_in_the_example_of_each_overlay() -> None:
    asked = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for _, container in containers()
        for variable in container["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    for overlay in OVERLAYS:
        lines = (overlay / "secrets.env.example").read_text().split()
        assert set(lines) == {f"{key}=" for key in asked}, "every key, and no value"


def test_network_policies_deny_all_that_they_do_not_name() -> None:
    policies = {r.body["metadata"]["name"]: r.body["spec"] for r in resources() if r.body["kind"] == "NetworkPolicy"}
    for everything in ("default-deny", "no-network"):
        assert policies[everything] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert {*SERVICES, *SERVERS} <= policies.keys()


# --- the servers' configuration


def test_the_configuration_of_nats_is_one_that_the_real_server_accepts() -> None:
    checked = subprocess.run(
        [tool("nats-server"), "-t", "-c", str(BASE / "config/nats.conf")],
        env={"NATS_NAME": "n", "NATS_PASSWORD": "p1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_the_file_of_tool_servers_is_one_that_the_tool_runner_accepts() -> None:
    assert load_manifest(BASE / "config/tool-servers.yaml", search_path="/usr/bin:/bin").servers == ()


def test_the_configuration_of_redis_loses_and_evicts_nothing() -> None:
    lines = (BASE / "config/redis.conf").read_text().splitlines()
    assert {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"} <= set(lines)
