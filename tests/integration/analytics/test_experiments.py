"""Two versions on real conversations: each stays in its arm, its log says so once, and the report adds up."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import Result
from typer.testing import CliRunner

from analytics.app import serve
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed, Split
from hil.experiment_commands import experiment_app
from orchestrator.adapters.experiments import read_experiments
from orchestrator.adapters.workflow_registry import opened
from tests.integration.analytics.test_figures import settings_for
from tests.support.analytics_token import give_token
from tests.support.kit import kit
from tests.support.orchestrating import ECHO, TENANT, System, core
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

BOTH_SINKS = """    - {from: answer, to: FINISH, condition: "output.text == 'never'"}
    - {from: answer, to: HANDOVER, condition: "output.text != 'never'"}"""
HANDS_OVER = ECHO.replace("version: 1.0.0", "version: 2.0.0").replace("    - {from: answer, to: FINISH}", BOTH_SINKS)
NAME, PATH = "handing-over", f"/v1/experiments/{TENANT}/handing-over"
START = ["start", NAME, "--workflow", "echo", "--arm", "1.0.0=50", "--arm", "2.0.0=40"]
RULES = ["--conversations-min", "100", "--guardrail", "handover_rate=10", "--guardrail", "csat=0"]


async def hil(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, experiment_app, list(arguments))


async def publish(system: System, source: str) -> None:
    """Without putting it in force."""
    async with opened(system.connection) as registry:
        workflow = await registry.publish(source.encode(), tenant=TENANT, file_name="test.yaml")
    system.workflows[workflow.content_hash] = workflow


async def declared(system: System) -> Split:
    return (await read_experiments(system.connection, TENANT)).named(NAME).split


async def until_known(system: System, split: Split) -> None:
    """The orchestrator has taken the experiment over once it exposes."""
    probes = (key for n in range(1_000) if split.arm_of(TENANT, key := f"probe{n}") is not None)

    async def exposes() -> bool:
        key = next(probes)
        await system.say(key, "1", "hi")
        await system.until_finished(key)
        return bool(await system.messages(ExperimentExposed, key))

    await wait_until(exposes, timeout_seconds=20)


async def check_log(system: System, split: Split, key: str) -> str | None:
    """The version of its arm, None in none; every execution was of it, and its log says so once."""
    arm = split.arm_of(TENANT, key)
    exposures = await system.messages(ExperimentExposed, key)
    ends = [one for one in await system.messages(ExecutionFinished, key) if isinstance(one, ExecutionFinished)]
    assert [one.version for one in exposures if isinstance(one, ExperimentExposed)] == ([arm.version] if arm else [])
    assert {end.version for end in ends} == {arm.version if arm else "1.0.0"}
    assert {end.based_on.experiment for end in ends} == {split.name if arm else None}
    await system.assert_sound(key)
    return arm.version if arm else None


async def answer(session: aiohttp.ClientSession, path: str, *, status: int = 200) -> dict[str, Any]:
    async with session.get(path) as response:
        assert response.status == status, await response.text()
        found: dict[str, Any] = await response.json()
        return found


async def test_an_experiment_from_its_start_to_its_report_and_its_end(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(nats_server, f"sqlite:///{tmp_path}/analytics.sqlite3")
    monkeypatch.setenv("HIL_NATS_URL", nats_server.url)
    monkeypatch.setenv("HIL_ANALYTICS_URL", f"http://127.0.0.1:{settings.http_port}")
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with core(nats_server.url) as system, served as session:
        await publish(system, HANDS_OVER)
        started = await hil(*START, *RULES)
        assert started.exit_code == 0, started.output
        split = await declared(system)
        await until_known(system, split)
        await system.start_orchestrator()  # Any number of them may decide; this one knows from its start.

        arms = await play(system, split)
        assert min(arms["1.0.0"], arms["2.0.0"]) >= 100 and arms[None] > 10
        await check_report(session, arms)
        await check_commands(tmp_path)
        await check_end(system, split, session)


async def play(system: System, split: Split) -> Counter[str | None]:
    """300 conversations, some with a second turn; how many are in each arm."""
    keys = [f"c{n}" for n in range(300)]
    await asyncio.gather(*(system.say(key, "1", "hi") for key in keys))
    await asyncio.gather(*(system.until_finished(key) for key in keys))
    again = [key for key in keys if (arm := split.arm_of(TENANT, key)) is None or arm.version == "1.0.0"][:30]
    await asyncio.gather(*(system.say(key, "2", "and again") for key in again))
    await asyncio.gather(*(system.until_finished(key, 2) for key in again))
    return Counter([await check_log(system, split, key) for key in keys])


async def check_report(session: aiohttp.ClientSession, arms: Counter[str | None]) -> None:
    """Every conversation once, and one of the probes."""

    async def is_counted() -> bool:
        counted = (await answer(session, PATH))["report"]["arms"]
        return sum(arm["ended"] for arm in counted) == arms["1.0.0"] + arms["2.0.0"] + 1

    await wait_until(is_counted, timeout_seconds=20)
    found = await answer(session, PATH)
    report = found["report"]
    one, other = report["arms"]
    assert 0 <= one["conversations"] - arms["1.0.0"] <= 1 and 0 <= other["conversations"] - arms["2.0.0"] <= 1
    assert (one["means"]["handover_rate"], other["means"]["handover_rate"]) == (0.0, 1.0)
    assert not report["sample_ratio"]["is_mismatch"]
    handover, csat = report["comparisons"][0]["guardrails"]
    assert (handover["is_breached"], csat["harm_low"]) == (True, None)
    assert found["history"][-1]["conversations"] == one["conversations"] + other["conversations"]
    assert (report["verdict"], [one["code"] for one in report["reasons"]]) == ("fail", ["guardrail_breached"])


async def check_commands(directory: Path) -> None:
    """As a person sees it."""
    listed, shown = await hil("list", "--json"), await hil("show", NAME, "--json")
    assert json.loads(listed.output) == json.loads(shown.output)
    assert json.loads(shown.output)["metrics"] == ["success_rate"]
    told = await hil("report", NAME, "--html", f"{directory}/report.html", "--svg", f"{directory}/report.svg")
    assert told.exit_code == 0 and "breached: worse by" in told.output, told.output
    for file in ("report.html", "report.svg"):
        assert "2.0.0 against 1.0.0" in (directory / file).read_text()
    again, unknown = await hil(*START, *RULES), await hil("report", "nothing")
    assert (again.exit_code, "declared before" in str(again.exception)) == (1, True)
    assert "no experiment 'nothing'" in str(unknown.exception)


async def check_end(system: System, split: Split, session: aiohttp.ClientSession) -> None:
    """After the stop the version in force answers."""
    assert (await hil("stop", NAME)).exit_code == 0
    keys = (key for n in range(1_000) if split.arm_of(TENANT, key := f"late{n}") is not None)

    async def is_over() -> bool:
        key = next(keys)
        await system.say(key, "1", "hi")
        await system.until_finished(key)
        return not await system.messages(ExperimentExposed, key)

    await wait_until(is_over, timeout_seconds=20)
    listed = await answer(session, f"/v1/experiments?tenant={TENANT}")
    assert [(one["name"], one["state"]) for one in listed["experiments"]] == [(NAME, "stopped")]
    assert (await answer(session, "/v1/experiments"))["experiments"] == listed["experiments"]
    assert (await answer(session, "/v1/experiments?tenant=nobody"))["experiments"] == []
    await answer(session, f"/v1/experiments/{TENANT}/unknown", status=404)


async def test_the_report_needs_a_token_of_its_tenant(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{tmp_path}/analytics.sqlite3"
    settings = settings_for(nats_server, store).model_copy(update={"access": "tokens"})
    monkeypatch.setenv("HIL_ANALYTICS_URL", f"http://127.0.0.1:{settings.http_port}")
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url), served:
        told = []
        for token in ("", await give_token(store, "globex"), await give_token(store, TENANT)):
            monkeypatch.setenv("HIL_ANALYTICS_TOKEN", token)
            told.append(str((await hil("report", "one", "--data-dir", str(tmp_path))).exception))
    assert "HIL_ANALYTICS_TOKEN holds the token" in told[0]
    assert "tenant 'acme' is none of your token's: globex" in told[1]
    assert told[2].endswith("(404): there is no experiment 'one'; the newest are none")
