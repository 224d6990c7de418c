"""How does code run as a Job of Kubernetes, and what becomes of it when the cluster misbehaves?

The API is a stand-in (tests/support/kubernetes_api.py): no cluster was asked."""

import dataclasses
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.kubernetes_api import StandIn, serving
from tool_runner.adapters.sandbox.kubernetes.cluster_api import ClusterAddress
from tool_runner.adapters.sandbox.kubernetes.kubernetes_sandbox import (
    ClusterOptions,
    KubernetesSandbox,
    running_in_cluster,
)
from tool_runner.adapters.sandbox.opened import SandboxOptions
from tool_runner.adapters.sandbox.root_image import built_image
from tool_runner.domain.sandbox import SandboxLimits

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = SandboxLimits(wall_seconds_max=20)
FOREIGN = "the report of the sandbox has another form than its own"


@dataclasses.dataclass
class Cluster:
    """The stand-in, and a sandbox on it."""

    api: StandIn
    options: ClusterOptions
    sandbox: KubernetesSandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(options: SandboxOptions, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    credentials = tmp_path_factory.mktemp("credentials")
    api = StandIn(built_image(options.directory), tmp_path_factory.mktemp("node"))
    async with serving(api, credentials) as url:
        found = ClusterOptions(ClusterAddress(url, credentials=credentials))
        async with running_in_cluster(found, slots=4) as sandbox:
            yield Cluster(api, found, sandbox)


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """As good as new."""
    api = shared.api
    api.refuse, api.end, api.cut_watches = (lambda _: None), (lambda _: None), 0
    api.asked.clear()
    return shared


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
