"""Experiments on a real server: many who declare at once, versions that exist, and a second orchestrator."""

import asyncio

import pytest

from contracts.executions import ExecutionFinished
from contracts.experiments import Arm, Experiment, ExperimentExposed, ExperimentRefused
from contracts.workflow_facts import EVERY_TENANT
from orchestrator.adapters.experiments import arms_of, change_experiments, read_experiments
from orchestrator.adapters.workflow_registry import opened
from tests.integration.orchestrator.test_workflow_registry import source
from tests.support.kit import kit
from tests.support.orchestrating import ECHO, TENANT, core
from tests.support.start_servers import NatsServer


def experiment(name: str, arms: tuple[Arm, ...], workflow: str = "greeting") -> Experiment:
    return Experiment(name=name, workflow=workflow, arms=arms, started_ms=1)


ARMS = tuple(Arm(version=f"{n}.0.0", content_hash=f"hash{n}", percent=50) for n in (1, 2))


async def test_of_many_who_declare_at_once_for_a_workflow_one_does(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        wanted = [experiment(f"e{n}", ARMS) for n in range(8)]
        others = [experiment(f"o{n}", ARMS, workflow=f"w{n}") for n in range(8)]
        asked = (
            change_experiments(connection, TENANT, lambda known, one=one: known.with_started(one))
            for one in [*wanted, *others]
        )
        ended = await asyncio.gather(*asked, return_exceptions=True)

        refused = [one for one in ended if isinstance(one, ExperimentRefused)]
        assert len(refused) == 7 and not [one for one in ended if isinstance(one, BaseException) and one not in refused]
        known = await read_experiments(connection, TENANT)
        assert (len(known.experiments), len(known.running())) == (9, 9)
        assert (await read_experiments(connection, "globex")).experiments == ()


async def test_arms_are_published_versions_of_a_workflow_in_force(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        shared = await registry.publish_as_default(source(), tenant=EVERY_TENANT, file_name="greeting.yaml")
        own = await registry.publish(source(version="1.1.0"), tenant=TENANT, file_name="greeting.yaml")
        found = await arms_of(registry, TENANT, "greeting", [("1.0.0", 90), ("1.1.0", 10)])
        assert [(arm.content_hash, arm.percent) for arm in found] == [(shared.content_hash, 90), (own.content_hash, 10)]

        with pytest.raises(ExperimentRefused, match=r"no version 9; there are 1.0.0, 1.1.0"):
            await arms_of(registry, TENANT, "greeting", [("1.0.0", 50), ("9", 50)])
        with pytest.raises(ExperimentRefused, match="'nothing' is not in force"):
            await arms_of(registry, TENANT, "nothing", [("1.0.0", 50), ("1.1.0", 50)])


async def test_a_conversation_keeps_its_arm_when_another_orchestrator_goes_on_with_it(nats_server: NatsServer) -> None:
    async with core(nats_server.url, orchestrators=0) as system:
        async with opened(system.connection) as registry:
            other = await registry.publish(ECHO.replace("1.0.0", "2.0.0").encode(), tenant=TENANT, file_name="b.yaml")
            system.workflows[other.content_hash] = other
            arms = await arms_of(registry, TENANT, "echo", [("1.0.0", 50), ("2.0.0", 50)])
        declared = experiment("one", arms, workflow="echo")
        await change_experiments(system.connection, TENANT, lambda known: known.with_started(declared))
        keys, first = [f"c{n}" for n in range(20)], await system.start_orchestrator()
        await asyncio.gather(*(system.say(key, "1", "hi") for key in keys))
        await asyncio.gather(*(system.until_finished(key) for key in keys))
        await system.stop_orchestrator(first)
        await system.start_orchestrator()
        await asyncio.gather(*(system.say(key, "2", "hi again") for key in keys))
        await asyncio.gather(*(system.until_finished(key, 2) for key in keys))

        for key in keys:
            arm = declared.split.arm_of(TENANT, key)
            ends = [one for one in await system.messages(ExecutionFinished, key) if isinstance(one, ExecutionFinished)]
            assert arm is not None and [one.workflow_hash for one in ends] == [arm.content_hash] * 2
            assert len(await system.messages(ExperimentExposed, key)) == 1
            await system.assert_sound(key)
