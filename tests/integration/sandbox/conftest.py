"""Which sandbox do these tests run code in?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.kubernetes_api import Cluster, StandIn, serving
from tests.support.kubernetes_node import bubblewrapped
from tool_runner.adapters.sandbox.boxed_sandbox import BoxedSandbox
from tool_runner.adapters.sandbox.kubernetes.cluster_api import ClusterAddress
from tool_runner.adapters.sandbox.kubernetes.kubernetes_sandbox import ClusterOptions, running_in_cluster
from tool_runner.adapters.sandbox.opened import SandboxOptions, untried_sandbox
from tool_runner.adapters.sandbox.root_image import built_image
from tool_runner.domain.sandbox import SandboxLimits, SandboxUnavailable


@pytest.fixture(scope="session")
def sandbox_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the file system of the sandbox is built, once for all tests."""
    directory = tmp_path_factory.mktemp("sandbox")
    built_image(directory)
    return directory


@pytest.fixture(scope="session")
def why_not(sandbox_dir: Path) -> str:
    """Why this machine cannot run the recipe at all; empty where it can. Whether it holds is for the tests."""

    async def tried() -> str:
        try:
            async with untried_sandbox(SandboxOptions(sandbox_dir, slots=1)) as opened:
                await opened.whole.execute("", None, SandboxLimits())
                return ""
        except SandboxUnavailable as error:
            return str(error)

    return asyncio.run(tried())


@pytest.fixture(scope="session")
def options(sandbox_dir: Path, why_not: str) -> SandboxOptions:
    """Of a sandbox with the whole recipe and no warm boxes."""
    if why_not:
        pytest.skip(why_not)
    return SandboxOptions(sandbox_dir, slots=8)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(options: SandboxOptions) -> AsyncIterator[BoxedSandbox]:
    """The embedded default, without the attack at its start, which tests of its own are about."""
    async with untried_sandbox(options) as opened:
        yield opened.whole


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_cluster(options: SandboxOptions, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    credentials = tmp_path_factory.mktemp("credentials")
    api = StandIn(built_image(options.directory), tmp_path_factory.mktemp("node"))
    async with serving(api, credentials) as url:
        found = ClusterOptions(ClusterAddress(url, credentials=credentials, pause_seconds=0.01))
        async with running_in_cluster(found, slots=4) as sandbox:
            yield Cluster(api, found, sandbox)


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """As good as new."""
    api = shared_cluster.api
    api.refuse, api.end, api.cut_watches = (lambda _: None), (lambda _: None), 0
    api.silent, api.node = False, bubblewrapped
    api.asked.clear()
    return shared_cluster
