"""Does code run in a cluster only where its pods hold? Against the stand-in of test_kubernetes.py."""

import asyncio
import dataclasses
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hil.sandbox_commands import sandbox_app
from tests.support.kubernetes_api import Cluster
from tests.support.kubernetes_node import bubblewrapped, gvisored
from tool_runner.adapters.sandbox.kubernetes.pod_attack import probed
from tool_runner.adapters.sandbox.opened import SandboxOptions, opened_sandbox
from tool_runner.domain.sandbox import SandboxLimits, SandboxUnavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = SandboxLimits(wall_seconds_max=20)


@pytest.mark.parametrize(("rule", "attack"), [("policy", "network"), ("token", "token"), ("root", "writable_places")])
async def test_a_cluster_that_leaves_something_out_is_found_out(cluster: Cluster, rule: str, attack: str) -> None:
    cluster.api.node = partial(bubblewrapped, leave_out={rule})
    found = await probed(cluster.sandbox, cluster.options.address.url)
    assert attack in {finding.attack for finding in found if finding.through}


async def test_no_code_runs_where_one_attack_gets_through(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("result = 1")
    address = cluster.options.address
    environment = {"URL": address.url, "CREDENTIALS": str(address.credentials), "NAMESPACE": address.namespace}
    command_line = CliRunner(env={f"TOOL_RUNNER_SANDBOX_KUBERNETES_{name}": it for name, it in environment.items()})
    asked = ["run", str(tmp_path / "code.py"), "--backend", "kubernetes"]
    said = await asyncio.to_thread(command_line.invoke, sandbox_app, asked)
    assert said.exit_code == 1
    assert re.search(r"does not hold on this machine \(kernel: [^;]* is not gVisor's[^;]*\); see", str(said.exception))


async def test_packages_are_those_of_the_image(cluster: Cluster, options: SandboxOptions) -> None:
    chosen = dataclasses.replace(options, backend="kubernetes", cluster=cluster.options, packages=["numpy"])
    with pytest.raises(SandboxUnavailable, match="SANDBOX_PACKAGES: with Kubernetes"):
        async with opened_sandbox(chosen):
            pass


async def test_pods_that_gvisor_closes_hold_and_run_code(cluster: Cluster, options: SandboxOptions) -> None:
    if shutil.which("runsc") is None:
        pytest.skip("runsc is not installed")
    cluster.api.node = gvisored
    chosen = dataclasses.replace(options, backend="kubernetes", tier_min="C", cluster=cluster.options)
    async with opened_sandbox(chosen) as sandbox:
        ended = await sandbox.execute("print('hi'); open('out/a', 'w').write('x'); result = inputs", [1], LIMITS)
    assert (ended.error, ended.exit_code, ended.stdout, ended.result) == ("", 0, "hi\n", [1])
    assert ended.files == {"a": b"x"}
