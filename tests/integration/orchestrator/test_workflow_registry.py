"""The workflow registry on a real server: versions, defaults, rollbacks, and two processes that see each other."""

import asyncio

import pytest

from contracts.streams import WORKFLOW_FACTS_BUCKET, WORKFLOWS_BUCKET
from contracts.workflow_facts import EVERY_TENANT, WorkflowFacts, facts_key
from orchestrator.adapters.workflow_file import WorkflowErrors
from orchestrator.adapters.workflow_history import HistoryRefused
from orchestrator.adapters.workflow_registry import WorkflowRegistry, opened
from service_kit.connection import Connection
from tests.support.kit import TENANT, kit
from tests.support.silence import silence
from tests.support.start_servers import NatsCluster, NatsServer
from tests.support.wait_until import wait_until


def source(name: str = "greeting", version: str = "1.0.0", answer: str = "hello") -> bytes:
    return f"""
name: {name}
version: {version}
workflow:
  nodes:
    - {{id: say, type: rule, expression: "'{answer}'"}}
    - {{id: FINISH, type: sink, action: finish_conversation, reply: say.output}}
    - {{id: HANDOVER, type: sink, action: handover_to_human}}
  edges:
    - {{from: say, to: FINISH}}
    - {{from: say, to: HANDOVER, condition: "output == 'human'"}}
""".encode()


async def test_a_published_default_is_in_force_and_known_at_once(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        workflow = await registry.publish_as_default(source(), tenant=TENANT, file_name="greeting.yaml")
        assert registry.routes(TENANT) == {"greeting": workflow.content_hash}
        assert registry.known(workflow.content_hash) == workflow
        assert registry.routes("globex") == {}


async def test_publishing_alone_puts_nothing_in_force(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        workflow = await registry.publish(source(), tenant=TENANT, file_name="greeting.yaml")
        assert registry.routes(TENANT) == {}
        await wait_until(lambda: registry.workflows(TENANT) == ("greeting",))
        await registry.set_default(TENANT, "greeting", workflow.content_hash)
        assert registry.routes(TENANT) == {"greeting": workflow.content_hash}


async def test_a_route_names_the_workflow_of_messages_that_name_none(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        workflow = await registry.publish_as_default(source(), tenant=TENANT, file_name="greeting.yaml")
        await registry.set_route(TENANT, "greeting")
        assert registry.routes(TENANT)[None] == workflow.content_hash
        with pytest.raises(HistoryRefused, match="no workflow 'nothing'"):
            await registry.set_route(TENANT, "nothing")


async def test_a_tenant_has_the_workflows_of_every_tenant_and_its_own_come_first(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        shared = await registry.publish_as_default(source(), tenant=EVERY_TENANT, file_name="shared.yaml")
        await registry.set_route(EVERY_TENANT, "greeting")
        own = await registry.publish_as_default(source(answer="hi"), tenant=TENANT, file_name="own.yaml")
        assert registry.routes("globex") == {"greeting": shared.content_hash, None: shared.content_hash}
        assert registry.routes(TENANT) == {"greeting": own.content_hash, None: own.content_hash}


async def test_the_same_bytes_are_the_same_version_and_others_need_a_new_number(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        first = await registry.publish_as_default(source(), tenant=TENANT, file_name="greeting.yaml")
        again = await registry.publish_as_default(source(), tenant=TENANT, file_name="copy.yaml")
        assert again.content_hash == first.content_hash
        assert len((await registry.history(TENANT, "greeting")).versions) == 1
        with pytest.raises(HistoryRefused, match=r"greeting 1\.0\.0 is published with other content"):
            await registry.publish_as_default(source(answer="hi"), tenant=TENANT, file_name="greeting.yaml")
        assert registry.routes(TENANT) == {"greeting": first.content_hash}
        second = await registry.publish_as_default(
            source(version="1.1.0", answer="hi"), tenant=TENANT, file_name="greeting.yaml"
        )
        assert registry.routes(TENANT) == {"greeting": second.content_hash}


async def test_a_bad_file_publishes_nothing(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        with pytest.raises(WorkflowErrors, match=r"greeting\.yaml:1: "):
            await registry.publish_as_default(b"name: greeting", tenant=TENANT, file_name="greeting.yaml")
        assert (await connection.jetstream.stream_info(f"KV_{WORKFLOWS_BUCKET}")).state.messages == 0


async def test_rollback_goes_one_version_back_each_time_or_to_a_named_one(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        hashes = [
            (
                await registry.publish_as_default(source(version=f"1.{n}.0"), tenant=TENANT, file_name="g.yaml")
            ).content_hash
            for n in range(3)
        ]
        assert await registry.rollback(TENANT, "greeting") == hashes[1]
        assert await registry.rollback(TENANT, "greeting") == hashes[0]
        assert registry.routes(TENANT) == {"greeting": hashes[0]}
        with pytest.raises(HistoryRefused, match="no earlier version"):
            await registry.rollback(TENANT, "greeting")
        assert await registry.rollback(TENANT, "greeting", "1.2.0") == hashes[2]
        with pytest.raises(HistoryRefused, match=r"no version 9; there are 1\.0\.0, 1\.1\.0, 1\.2\.0"):
            await registry.rollback(TENANT, "greeting", "9")


async def test_two_registries_see_each_others_changes_within_a_second(nats_server: NatsServer) -> None:
    async with (
        kit(nats_server.url) as left,
        kit(nats_server.url) as right,
        opened(left) as here,
        opened(right) as there,
    ):
        workflow = await here.publish_as_default(source(), tenant=TENANT, file_name="greeting.yaml")
        await wait_until(lambda: there.routes(TENANT) == {"greeting": workflow.content_hash}, timeout_seconds=1.0)
        assert there.known(workflow.content_hash) == workflow
        newer = await there.publish_as_default(source(version="2.0.0"), tenant=TENANT, file_name="greeting.yaml")
        await wait_until(lambda: here.routes(TENANT) == {"greeting": newer.content_hash}, timeout_seconds=1.0)


async def test_what_is_stored_is_read_at_the_start(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        async with opened(connection) as registry:
            workflow = await registry.publish_as_default(source(), tenant=TENANT, file_name="greeting.yaml")
            await registry.set_route(TENANT, "greeting")
        async with opened(connection) as registry:
            assert registry.routes(TENANT) == {"greeting": workflow.content_hash, None: workflow.content_hash}
            assert registry.known(workflow.content_hash) == workflow


async def test_a_version_that_is_not_in_force_is_loaded_by_its_hash(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        async with opened(connection) as registry:
            workflow = await registry.publish(source(), tenant=TENANT, file_name="greeting.yaml")
        async with opened(connection) as registry:
            assert registry.known(workflow.content_hash) is None
            assert await registry.load(workflow.content_hash) == workflow
            assert registry.known(workflow.content_hash) == workflow
            assert await registry.load("0" * 64) is None
            assert await registry.load("no such hash") is None


async def test_ten_publishers_at_once_lose_no_version_and_agree_on_the_default(nats_server: NatsServer) -> None:
    async with (
        kit(nats_server.url) as left,
        kit(nats_server.url) as right,
        opened(left) as here,
        opened(right) as there,
    ):
        await asyncio.gather(
            *(
                registry.publish_as_default(source(version=f"{n}.0.0"), tenant=TENANT, file_name="greeting.yaml")
                for n, registry in enumerate((here, there) * 5)
            )
        )
        history = await here.history(TENANT, "greeting")
        assert sorted(known.version for known in history.versions) == [f"{n}.0.0" for n in range(10)]
        in_force = {"greeting": history.in_force}
        await wait_until(lambda: here.routes(TENANT) == there.routes(TENANT) == in_force)


async def test_a_registry_goes_on_after_the_server_was_killed_and_started_again(own_nats_server: NatsServer) -> None:
    async with (
        kit(own_nats_server.url) as left,
        kit(own_nats_server.url) as right,
        opened(left) as here,
        opened(right) as there,
    ):
        first = await here.publish_as_default(source(), tenant=TENANT, file_name="greeting.yaml")
        await wait_until(lambda: there.routes(TENANT) == {"greeting": first.content_hash})
        own_nats_server.kill()
        await wait_until(lambda: not (left.ready or right.ready))
        own_nats_server.start()
        await wait_until(lambda: left.ready and right.ready)
        assert there.routes(TENANT) == {"greeting": first.content_hash}
        second = await here.publish_as_default(source(version="2.0.0"), tenant=TENANT, file_name="greeting.yaml")
        await wait_until(lambda: there.routes(TENANT) == {"greeting": second.content_hash}, timeout_seconds=5.0)


async def test_on_three_replicas_a_change_is_seen_through_every_server(nats_cluster: NatsCluster) -> None:
    left_url, right_url = (server.url for server in nats_cluster.servers[:2])
    async with (
        kit(left_url, replicas=3) as left,
        kit(right_url, replicas=3) as right,
        opened(left) as here,
        opened(right) as there,
    ):
        for version in range(5):
            workflow = await here.publish_as_default(
                source(version=f"{version}.0.0"), tenant=TENANT, file_name="greeting.yaml"
            )
            assert await there.load(workflow.content_hash) == workflow
            in_force = {"greeting": workflow.content_hash}
            await wait_until(lambda expected=in_force: there.routes(TENANT) == expected, timeout_seconds=1.0)


async def test_a_server_that_falls_silent_at_the_start_does_not_end_it(own_nats_server: NatsServer) -> None:
    async with kit(own_nats_server.url) as connection, opened(connection) as registry:
        workflow = await registry.publish_as_default(source(), tenant=TENANT, file_name="greeting.yaml")
        started = WorkflowRegistry(connection, registry.bucket)
        await started.apply(f"default.{TENANT}.greeting", workflow.content_hash.encode())
        await silence(own_nats_server, connection)
        await started.load_in_force()
        own_nats_server.resume()
        assert started.known(workflow.content_hash) is None
        assert await started.load(workflow.content_hash) == workflow


async def test_what_the_version_in_force_promises_is_told(nats_server: NatsServer) -> None:
    promising = source(version="2.0.0") + b"slos: {success_rate: 0.9, window: 7d}\n"
    async with kit(nats_server.url) as connection, opened(connection) as registry:
        first = await registry.publish_as_default(source(), tenant=TENANT, file_name="g.yaml")
        second = await registry.publish_as_default(promising, tenant=TENANT, file_name="g.yaml")
        told = await facts_in_force(connection)
        assert (told.content_hash, told.version, told.slos) == (second.content_hash, "2.0.0", second.slos)
        assert told.slos.objectives
        await registry.rollback(TENANT, "greeting")
        assert (await facts_in_force(connection)).content_hash == first.content_hash


async def test_what_is_in_force_and_was_never_told_is_told_at_the_start(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        async with opened(connection) as registry:
            workflow = await registry.publish_as_default(source(), tenant=TENANT, file_name="g.yaml")
        await (await connection.jetstream.key_value(WORKFLOW_FACTS_BUCKET)).purge(facts_key(TENANT, "greeting"))
        async with opened(connection):
            assert (await facts_in_force(connection)).content_hash == workflow.content_hash


async def facts_in_force(connection: Connection) -> WorkflowFacts:
    """What others are told of the workflow `greeting`."""
    bucket = await connection.jetstream.key_value(WORKFLOW_FACTS_BUCKET)
    value = (await bucket.get(facts_key(TENANT, "greeting"))).value
    assert value is not None
    return WorkflowFacts.model_validate_json(value)
