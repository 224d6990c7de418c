"""How does code run as a Job of Kubernetes, and what becomes of it when the cluster misbehaves?

The API is a stand-in (tests/support/kubernetes_api.py): no cluster was asked."""

import asyncio
import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.kubernetes_api import TOKEN, Cluster, PodEnd, give_credentials, status
from tests.support.wait_until import wait_until
from tool_runner.adapters.sandbox.kubernetes.kubernetes_sandbox import (
    ClusterOptions,
    running_in_cluster,
)
from tool_runner.adapters.sandbox.kubernetes.pod_manifest import PodOptions
from tool_runner.domain.sandbox import SandboxLimits, SandboxUnavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = SandboxLimits(wall_seconds_max=20)
NO_REPORT = "the pod logged no report of its own form"
FOREIGN = "the report of the sandbox has another form than its own"


async def test_code_gets_its_inputs_and_its_result_its_files_and_its_output_come_back(cluster: Cluster) -> None:
    code = "print('héllo')\nopen('out/a.bin', 'wb').write(bytes(range(256)))\nresult = {'sum': sum(inputs)}"
    ended = await cluster.sandbox.execute(code, [1, 2], LIMITS)
    assert (ended.error, ended.tier, ended.exit_code, ended.stdout) == ("", "C", 0, "héllo\n")
    assert (ended.result, ended.files, ended.killed_by) == ({"sum": 3}, {"a.bin": bytes(range(256))}, None)


async def test_nothing_is_left_of_an_execution_and_no_secret_is_ever_read(cluster: Cluster) -> None:
    await cluster.sandbox.execute("1 / 0", None, LIMITS)
    assert (cluster.api.jobs, cluster.api.secrets, cluster.api.pods) == ({}, {}, {})
    kinds = {
        " ".join(word for word in asked.replace("/", " ").split() if "hil-code-" not in word)
        for asked in cluster.api.asked
    }
    assert kinds == {
        "POST apis batch v1 namespaces hil-sandbox jobs",
        "POST api v1 namespaces hil-sandbox secrets",
        "GET api v1 namespaces hil-sandbox pods",
        "GET api v1 namespaces hil-sandbox pods log",
        "DELETE apis batch v1 namespaces hil-sandbox jobs",
    }


@pytest.mark.parametrize(
    ("code", "limits", "expected"),
    [
        ("print('before'); 1 / 0", {}, (1, None, "ZeroDivisionError: division by zero")),
        ("print('before')\nwhile True: pass", {"wall_seconds_max": 0.5}, (137, "wall", "")),
        ("print('before', flush=True)\nwhile True: print('x' * 999)", {"output_bytes_max": 5000}, (137, "output", "")),
        ("print('before')\nimport os\nwhile True: os.write(4, bytes(65536))", {}, (137, "output", None)),
        ("print('before')\nimport os\nos.write(4, b'[1]\\n'); os._exit(0)", {}, (1, None, FOREIGN)),
        ("print('before')\nimport os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(3600)", {}, (0, None, "")),
    ],
)  # fmt: skip
async def test_every_end_is_told_as_it_was(
    cluster: Cluster, code: str, limits: dict[str, float], expected: tuple[int, str | None, str | None]
) -> None:
    ended = await cluster.sandbox.execute(code, None, dataclasses.replace(LIMITS, **limits))  # type: ignore[arg-type]
    assert (ended.exit_code, ended.killed_by) == expected[:2]
    assert expected[2] in (None, ended.error)
    assert ended.stdout.startswith("before\n")
    assert len(ended.stdout) <= dataclasses.replace(LIMITS, **limits).output_bytes_max  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "answer", "error"),
    [
        ("POST /apis", (403, "Forbidden", "jobs is forbidden"), "403 jobs is forbidden; apply k8s/sandbox"),
        ("POST /apis", (409, "AlreadyExists", "jobs already exists"), "409 jobs already exists$"),
        ("POST /api/", (403, "Forbidden", "exceeded quota"), "POST /api/.*/secrets: 403 exceeded quota"),
        ("/log", (500, "InternalError", "no node"), "GET .*/log: 500 no node"),
        ("GET /api/v1/namespaces/hil-sandbox/pods", (410, "Expired", "too old"), "410 too old"),
        ("POST /apis", (429, "TooManyRequests", "slow down"), r"429 slow down \(tried 4 times\)"),
    ],
)  # fmt: skip
async def test_what_the_api_refuses_is_told_and_nothing_is_left(
    cluster: Cluster, what: str, answer: tuple[int, str, str], error: str
) -> None:
    cluster.api.refuse = lambda asked: status(*answer) if what in asked else None
    with pytest.raises(SandboxUnavailable, match=error):
        await cluster.sandbox.execute("result = 1", None, LIMITS)
    assert (cluster.api.jobs, cluster.api.secrets) == ({}, {})


@pytest.mark.parametrize("answer", [(409, "Conflict", "quota was modified"), (429, "TooManyRequests", "slow down")])
async def test_what_the_api_asks_to_be_tried_again_is(cluster: Cluster, answer: tuple[int, str, str]) -> None:
    refusals = iter([status(*answer), status(*answer)])
    cluster.api.refuse = lambda asked: next(refusals, None) if "POST /apis" in asked else None
    assert (await cluster.sandbox.execute("result = 1", None, LIMITS)).result == 1


async def test_the_role_allows_what_is_asked_and_nothing_more(cluster: Cluster) -> None:
    cluster.api.used.clear()
    await cluster.sandbox.sweep(datetime.now(UTC))
    assert (await cluster.sandbox.execute("result = 1", None, LIMITS)).result == 1
    assert cluster.api.used == cluster.api.rights


async def test_a_watch_that_the_api_ends_is_asked_for_again(cluster: Cluster) -> None:
    cluster.api.cut_watches = 2
    assert (await cluster.sandbox.execute("result = 1", None, LIMITS)).result == 1


def terminated(reason: str, code: int) -> dict[str, object]:
    state = {"terminated": {"reason": reason, "exitCode": code}}
    return {"phase": "Failed", "containerStatuses": [{"state": state}]}


def evicted(message: str) -> dict[str, object]:
    return {"phase": "Failed", "reason": "Evicted", "message": message}


def waiting(reason: str) -> dict[str, object]:
    return {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": reason}}}]}


def line(**forged: object) -> bytes:
    return json.dumps({"status": 0, "killed_by": None, "output": "", "report": ""} | forged).encode()


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (PodEnd(terminated("OOMKilled", 137)), (137, "memory", "")),
        (PodEnd(terminated("Error", 137) | {"reason": "DeadlineExceeded"}), (137, "wall", "")),
        (PodEnd(evicted('Usage of EmptyDir volume "box" exceeds the limit')), (137, "memory", "")),
        (PodEnd(evicted("Pod ephemeral local storage usage exceeds the total")), (137, "output", "")),
        (PodEnd(terminated("Error", 137), b"Killed\n"), (137, None, NO_REPORT)),
        (PodEnd(terminated("Completed", 0), b"x" * 10_000_000), (137, "output", "")),
        (PodEnd(terminated("Completed", 0), line(killed_by="root")), (1, None, NO_REPORT)),
        (PodEnd(terminated("Completed", 0), line(output="%")), (1, None, NO_REPORT)),
        (PodEnd(terminated("Completed", 0), line(status=300)), (1, None, NO_REPORT)),
        (PodEnd(terminated("Completed", 0), line(killed_by=[])), (1, None, NO_REPORT)),
        (PodEnd(terminated("Completed", 0), line(report="\u00e9")), (1, None, NO_REPORT)),
    ],
)  # fmt: skip
async def test_how_kubernetes_ended_a_pod_is_told(
    cluster: Cluster, end: PodEnd, expected: tuple[int, str | None, str]
) -> None:
    cluster.api.end = lambda _: end
    ended = await cluster.sandbox.execute("result = 1", None, LIMITS)
    assert (ended.exit_code, ended.killed_by, ended.error) == expected
    assert (ended.result, ended.timed_out) == (None, expected[1] == "wall")


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (evicted("The node was low on memory"), "was taken away: Evicted"),
        ({"phase": "Failed", "reason": "Terminated", "message": "node shutdown"}, "was taken away: Terminated"),
        (waiting("ImagePullBackOff"), "cannot start: ImagePullBackOff"),
        ({"phase": "Pending"}, "no pod of the code ran within 0.3 s: does the cluster have room"),
    ],
)  # fmt: skip
async def test_a_pod_that_fails_for_the_clusters_sake_is_no_fault_of_the_code(
    cluster: Cluster, state: dict[str, object], error: str
) -> None:
    cluster.api.end = lambda _: PodEnd(state)
    impatient = dataclasses.replace(cluster.options, pod=PodOptions(start_seconds_max=0.3))
    async with running_in_cluster(impatient, slots=1) as sandbox:
        with pytest.raises(SandboxUnavailable, match=error):
            await sandbox.execute("result = 1", None, LIMITS)
    assert cluster.api.jobs == {}


async def test_a_pod_that_runs_for_too_long_is_ended_by_the_tool_runner(cluster: Cluster) -> None:
    cluster.api.end = lambda _: PodEnd({"phase": "Running"})
    impatient = dataclasses.replace(cluster.options, end_seconds_max=0.2)
    async with running_in_cluster(impatient, slots=1) as sandbox:
        ended = await sandbox.execute("", None, dataclasses.replace(LIMITS, wall_seconds_max=0.1))
    assert (ended.killed_by, ended.timed_out, ended.exit_code) == ("wall", True, 137)
    assert cluster.api.jobs == {}


async def test_an_execution_that_is_cancelled_takes_its_job_along(cluster: Cluster) -> None:
    running = asyncio.create_task(cluster.sandbox.execute("import time; time.sleep(60)", None, LIMITS))
    await wait_until(lambda: any(pod["status"].get("phase") == "Running" for pod in cluster.api.pods.values()))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await wait_until(lambda: cluster.api.jobs == {})


async def test_a_predecessor_that_was_killed_and_jobs_that_are_too_old_are_swept(cluster: Cluster) -> None:
    def left(name: str, runner: str, made: str) -> dict[str, dict[str, object]]:
        labels = {"hil.dev/part": "sandbox", "hil.dev/runner": runner}
        return {name: {"metadata": {"name": name, "labels": labels, "creationTimestamp": made}}}

    cluster.api.jobs |= left("own", cluster.sandbox.runner, "2026-01-01T00:09:00Z")
    cluster.api.jobs |= left("of-another", "another", "2026-01-01T00:09:00Z")
    cluster.api.jobs |= left("abandoned", "another", "2025-12-31T23:50:00Z")
    now = datetime.fromisoformat("2026-01-01T00:10:00+00:00")
    assert await cluster.sandbox.sweep(now) == 2
    assert [*cluster.api.jobs] == ["of-another"]
    cluster.api.jobs.clear()


async def test_a_token_is_read_again_and_a_wrong_one_is_told(cluster: Cluster) -> None:
    token = cluster.options.address.credentials / "token"
    token.write_text("old")
    with pytest.raises(SandboxUnavailable, match="401 no such token; apply k8s/sandbox"):
        await cluster.sandbox.execute("", None, LIMITS)
    token.write_text(TOKEN)
    assert (await cluster.sandbox.execute("result = 1", None, LIMITS)).result == 1


async def test_an_api_with_another_authority_gets_no_token(cluster: Cluster, tmp_path: Path) -> None:
    give_credentials(tmp_path)
    other = dataclasses.replace(cluster.options.address, credentials=tmp_path)
    with pytest.raises(SandboxUnavailable, match=r"cannot be asked: .*CERTIFICATE_VERIFY_FAILED"):
        async with running_in_cluster(ClusterOptions(other), slots=1):
            pass
    assert cluster.api.asked == []


@pytest.mark.parametrize(("file", "error"), [("token", "token: No such file"), ("ca.crt", "ca.crt: No such file")])
async def test_what_a_pod_lacks_is_named(cluster: Cluster, tmp_path: Path, file: str, error: str) -> None:
    give_credentials(tmp_path)
    (tmp_path / file).unlink()
    other = dataclasses.replace(cluster.options.address, credentials=tmp_path)
    with pytest.raises(SandboxUnavailable, match=error):
        async with running_in_cluster(ClusterOptions(other), slots=1):
            pass


async def test_an_api_that_does_not_answer_is_waited_for_within_a_limit(cluster: Cluster) -> None:
    cluster.api.silent = True
    impatient = dataclasses.replace(cluster.options.address, request_seconds_max=0.5)
    with pytest.raises(SandboxUnavailable, match=r"did not answer within 0.5 s: GET /apis/batch/v1"):
        async with running_in_cluster(ClusterOptions(impatient), slots=1):
            pass


async def test_an_api_that_takes_no_connection_is_waited_for_within_a_limit(cluster: Cluster) -> None:
    silent = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    impatient = dataclasses.replace(cluster.options.address, url=url, request_seconds_max=0.5)
    async with silent:
        with pytest.raises(SandboxUnavailable, match="cannot be asked: ConnectTimeout"):
            async with running_in_cluster(ClusterOptions(impatient), slots=1):
                pass


async def test_code_and_inputs_over_the_limit_are_refused_before_anything_is_asked(cluster: Cluster) -> None:
    ended = await cluster.sandbox.execute("", "x" * 1_000_000, LIMITS)
    assert (ended.exit_code, cluster.api.asked) == (1, [])
    assert "the limit is 921600 with Kubernetes" in ended.error
