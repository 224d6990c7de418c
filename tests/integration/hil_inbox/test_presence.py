"""Leases, assignment and re-homing with two replicas, on real servers."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from contracts.handovers import HandoverClaimed, HandoverReleased
from hil_inbox.adapters.presence import Presence, Sweep, open_presence
from hil_inbox.domain.house_commands import AssignHandover
from hil_inbox.domain.presence import Roll
from service_kit.errors import RetryLater
from tests.integration.hil_inbox.conftest import ON_BOTH_STORES
from tests.integration.hil_inbox.floors import QUEUES, Hall, hall
from tests.support.kit import TENANT
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.wait_until import wait_until


async def claims(house: Hall, count: int) -> Counter[str]:
    """Owners by how many they were given; nobody may own what another owns."""
    owners: Counter[str] = Counter()
    for number in range(count):
        made = [fact for fact in await house.facts(number) if isinstance(fact, HandoverClaimed)]
        assert len(made) <= 1, f"h{number} was given twice"
        owners.update(fact.agent_id for fact in made)
    return owners


async def releases(house: Hall, number: int) -> list[HandoverReleased]:
    return [fact for fact in await house.facts(number) if isinstance(fact, HandoverReleased)]


async def keep_alive(house: Hall, stack: AsyncExitStack, *actors: str) -> asyncio.Event:
    """These people are there until the event is set."""
    floor, _ = await stack.enter_async_context(house.replica())
    gone = asyncio.Event()

    async def beat() -> None:
        while not gone.is_set():
            for actor in actors:
                await floor.presence.beat(TENANT, actor)
            try:
                await asyncio.wait_for(gone.wait(), 0.1)
            except TimeoutError:
                continue

    beating = asyncio.create_task(beat())

    async def end() -> None:
        gone.set()
        await beating

    stack.push_async_callback(end)
    return gone


async def run_replicas(house: Hall, stack: AsyncExitStack, count: int) -> asyncio.Event:
    stop = asyncio.Event()
    for _ in range(count):
        _, passes = await stack.enter_async_context(house.replica())
        running = asyncio.create_task(passes.run(stop))

        async def end(running: "asyncio.Task[None]" = running) -> None:
            stop.set()
            await running

        stack.push_async_callback(end)
    return stop


@ON_BOTH_STORES
async def test_two_replicas_give_each_handover_to_one_person_and_nobody_more_than_they_hold(
    nats_server: NatsServer, redis_server: RedisServer, store_url: str
) -> None:
    async with hall(nats_server.url, redis_server.url, store_url) as house, AsyncExitStack() as stack:
        for name in ("ana", "bo", "cy"):
            await house.person(name)
        await keep_alive(house, stack, "ana", "bo", "cy")
        await run_replicas(house, stack, 2)
        for number in range(12):
            await house.handover(number)

        async def all_given() -> bool:
            return (await claims(house, 12)).total() == 9

        await wait_until(all_given, timeout_seconds=20)
        floor, _ = await stack.enter_async_context(house.replica())

        async def shown() -> bool:
            return {name: len(ids) for name, ids in (await floor.rows.in_hand(TENANT)).items()} == {
                "ana": 3, "bo": 3, "cy": 3,
            }  # fmt: skip

        await wait_until(shown, timeout_seconds=10)
        await floor.assigner.once()
        assert await claims(house, 12) == {"ana": 3, "bo": 3, "cy": 3}
        assert await floor.people_online(QUEUES["shop"], TENANT) == 3
        places = [await floor.rows.place(TENANT, f"h{number}") for number in range(12)]
        assert (places.count(None), places.count(1)) == (9, 1)


async def test_what_somebody_gone_owns_goes_back_once_and_who_comes_back_in_time_keeps_it(
    nats_server: NatsServer, redis_server: RedisServer, store_url: str
) -> None:
    async with hall(nats_server.url, redis_server.url, store_url, queues={}) as house, AsyncExitStack() as stack:
        floor, _ = await stack.enter_async_context(house.replica())
        for number, owner in enumerate(("gone", "back", "never seen")):
            await house.handover(number)
            command = AssignHandover(f"give-{number}", f"h{number}", 0, owner)
            await wait_until(lambda number=number: floor.rows.get(TENANT, f"h{number}"))
            await floor.assigner.settle(TENANT, f"c{number}", command)
        await floor.presence.beat(TENANT, "gone")
        await keep_alive(house, stack, "back")
        await run_replicas(house, stack, 2)

        async def released() -> bool:
            return bool(await releases(house, 0))

        await wait_until(released, timeout_seconds=20)
        for _ in range(5):  # Others look as well, while documents still show the owner, or no longer.
            await floor.rehomer.once()
        [release] = await releases(house, 0)
        assert (release.reason, release.previous_owner_id) == ("agent_offline", "gone")
        assert [await releases(house, number) for number in (1, 2)] == [[], []]


async def test_a_supervisor_puts_back_what_somebody_owns_once(
    nats_server: NatsServer, redis_server: RedisServer, store_url: str
) -> None:
    async with hall(nats_server.url, redis_server.url, store_url, queues={}) as house, house.replica() as (floor, _):
        await house.handover(0)
        await wait_until(lambda: floor.rows.get(TENANT, "h0"))
        await floor.assigner.settle(TENANT, "c0", AssignHandover("give", "h0", 0, "ana"))

        async def owned() -> bool:
            return bool(await floor.rows.owned_by(TENANT, ["ana"]))

        await wait_until(owned)
        await asyncio.gather(*(floor.rehomer.by_supervisor(TENANT, "ana", actor_id="boss") for _ in range(3)))
        [release] = await releases(house, 0)
        assert (release.reason, release.actor_id) == ("rehomed", "boss")


async def test_while_redis_is_away_nobody_is_taken_anything_and_afterwards_everybody_has_their_grace_anew(
    nats_server: NatsServer, own_redis_server: RedisServer, store_url: str
) -> None:
    async with hall(nats_server.url, own_redis_server.url, store_url, queues={}) as house, AsyncExitStack() as stack:
        floor, _ = await stack.enter_async_context(house.replica())
        await house.handover(0)
        await wait_until(lambda: floor.rows.get(TENANT, "h0"))
        await floor.assigner.settle(TENANT, "c0", AssignHandover("give", "h0", 0, "ana"))
        beat = await floor.presence.beat(TENANT, "ana")
        await floor.rehomer.once()
        own_redis_server.kill()
        with pytest.raises(RetryLater, match="presence is not known"):
            await floor.rehomer.once()
        assert await floor.people_online(QUEUES["shop"], TENANT) is None
        own_redis_server.restart()
        times = house.settings.lease_seconds + house.settings.grace_seconds

        async def away_for_longer_than_lease_and_grace() -> bool:
            try:
                return (await floor.presence.roll(TENANT)).now_ms > beat.now_ms + times * 1_000 + 300
            except RetryLater:
                return False

        await wait_until(away_for_longer_than_lease_and_grace, timeout_seconds=20)
        await floor.rehomer.once()
        await floor.presence.beat(TENANT, "ana")
        assert await releases(house, 0) == []
        await run_replicas(house, stack, 1)

        async def released() -> bool:
            return bool(await releases(house, 0))

        await wait_until(released, timeout_seconds=20)


async def test_a_person_with_two_tabs_is_there_once_and_status_is_theirs(
    nats_server: NatsServer, redis_server: RedisServer, store_url: str
) -> None:
    async with hall(nats_server.url, redis_server.url, store_url) as house, house.replica() as (floor, _):
        first, second = [await floor.presence.beat(TENANT, "ana") for _ in range(2)]
        assert (first.status, first.changed, second.changed) == ("online", True, False)
        busy = await floor.presence.beat(TENANT, "ana", "busy")
        again = await floor.presence.beat(TENANT, "ana")
        assert (busy.changed, again.status, again.since_ms) == (True, "busy", busy.since_ms)
        assert list((await floor.presence.roll(TENANT)).people) == ["ana"]
        assert await floor.people_online(QUEUES["shop"], TENANT) == 0
        assert await floor.presence.tenants() == [TENANT]


async def test_time_in_which_nobody_could_be_heard_does_not_count_however_often_it_happens(
    redis_server: RedisServer,
) -> None:
    lease, grace = 0.2, 0.4
    opened = open_presence(redis_server.url, process="p", lease_seconds=lease, grace_seconds=grace)
    async with opened as presence:

        async def sweep_after(pause_ms: int) -> tuple[Sweep, int]:
            """A sweep, and the time since the last one if it counts."""
            began = (await presence.roll(TENANT)).now_ms

            async def over() -> bool:
                return (await presence.roll(TENANT)).now_ms >= began + pause_ms

            await wait_until(over, every_seconds=0.005)
            sweep = await presence.sweep(TENANT)
            return sweep, (await presence.roll(TENANT)).now_ms - began

        await presence.beat(TENANT, "ana")
        sweep, heard_ms, lapses = await presence.sweep(TENANT), 0, 0
        for _ in range(50):  # An outage of more than half the grace time each time, and a short life.
            await sweep_after(250)
            for _ in range(3):
                sweep, took_ms = await sweep_after(50)
                heard_ms, lapses = heard_ms + took_ms, lapses + len(sweep.lapsed)
            if sweep.gone:
                break
        assert (sweep.gone, lapses) == (("ana",), 1)
        assert heard_ms >= (lease + grace) * 1_000


async def test_who_was_there_when_an_outage_began_is_there_when_it_ends(redis_server: RedisServer) -> None:
    async with open_presence(redis_server.url, process="p", lease_seconds=0.5, grace_seconds=0.4) as presence:
        beat = await presence.beat(TENANT, "ana")
        await presence.sweep(TENANT)

        async def lapsed() -> bool:
            return not (await presence.roll(TENANT)).people

        await wait_until(lapsed)
        assert await presence.sweep(TENANT) == Sweep((), ())
        [ana] = (await presence.roll(TENANT)).people.values()
        assert (ana.status, ana.since_ms) == ("online", beat.since_ms)


async def test_whoever_is_gone_is_found_however_many_are(
    nats_server: NatsServer, redis_server: RedisServer, store_url: str
) -> None:
    async with hall(nats_server.url, redis_server.url, store_url, queues={}) as house, AsyncExitStack() as stack:
        floor, _ = await stack.enter_async_context(house.replica())
        await house.handover(0)
        await wait_until(lambda: floor.rows.get(TENANT, "h0"))
        await floor.assigner.settle(TENANT, "c0", AssignHandover("give", "h0", 0, "zoe"))
        for start in range(0, 510, 15):
            await asyncio.gather(*(floor.presence.beat(TENANT, f"agent-{start + number}") for number in range(15)))
        await floor.presence.beat(TENANT, "zoe")  # The last one to go.
        await run_replicas(house, stack, 1)

        async def released() -> bool:
            return bool(await releases(house, 0))

        await wait_until(released, timeout_seconds=20)
        assert len(await releases(house, 0)) == 1


async def test_who_comes_back_while_those_who_are_gone_are_looked_for_keeps_what_they_take(
    nats_server: NatsServer, redis_server: RedisServer, store_url: str
) -> None:
    async with hall(nats_server.url, redis_server.url, store_url, queues={}) as house, house.replica() as (floor, _):
        await house.handover(0)
        await wait_until(lambda: floor.rows.get(TENANT, "h0"))
        await floor.assigner.settle(TENANT, "c0", AssignHandover("give", "h0", 0, "ana"))

        async def owned() -> bool:
            return bool(await floor.rows.owned_by(TENANT, ["ana"]))

        await wait_until(owned)
        found_gone = SweptBefore(floor.presence, Sweep((), ("ana",)))
        await floor.presence.beat(TENANT, "ana")
        assert await replace(floor.rehomer, leases=found_gone).once() == 0
        assert await releases(house, 0) == []


@dataclass(frozen=True)
class SweptBefore:
    """A sweep that was made a moment ago."""

    presence: Presence
    found: Sweep

    async def tenants(self) -> list[str]:
        return await self.presence.tenants()

    async def sweep(self, tenant: str) -> Sweep:
        return self.found

    async def roll(self, tenant: str) -> Roll:
        return await self.presence.roll(tenant)
