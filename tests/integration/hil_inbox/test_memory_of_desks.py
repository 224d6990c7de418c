"""What a service still has in memory never makes its answer wrong: another one may have gone on meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from contracts.envelope import Identity, LogEntry, Message, derive_message_id
from contracts.handovers import ClaimHandover, HandoverClaimed, HandoverRefused, ReleaseHandover
from contracts.subjects import parse_subject, subject_for
from hil_inbox.adapters.state_cache import StateCache
from hil_inbox.domain.decide_command import Command
from hil_inbox.domain.ownership import Stored
from hil_inbox.handlers.settle_command import Asked, Desk, Refusals, settle
from service_kit.bus import Delivery, publish
from service_kit.log import Log
from tests.support.handovers import opened
from tests.support.kit import TENANT, kit
from tests.support.start_servers import NatsServer


@pytest.fixture
async def desks(nats_server: NatsServer) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two services over one log, in which a handover waits."""
    async with kit(nats_server.url) as connection:
        await publish(connection, opened("h1"), Identity(TENANT, "c1", derive_message_id("h1", "open"), "x"))
        log, sending = Log(connection), partial(publish, connection)
        yield (
            Desk(log, StateCache(10), lambda: 1_000, sending),
            Desk(log, StateCache(10), lambda: 1_000, sending),
        )


def claim(actor_id: str, *, epoch: int, command_id: str) -> ClaimHandover:
    return ClaimHandover(command_id=command_id, handover_id="h1", actor_id=actor_id, ownership_epoch=epoch)


async def answer(desk: Desk, command: Command) -> Stored:
    return await settle(desk, Asked(TENANT, "c1", command, command.command_id, Refusals.ANSWERED))


def reason(stored: Stored) -> str:
    return stored.fact.reason if isinstance(stored.fact, HandoverRefused) else "done"


async def test_a_refusal_is_given_only_after_the_log_was_read_to_its_end(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    assert reason(await answer(one, claim("ana", epoch=0, command_id="k1"))) == "done"
    assert reason(await answer(two, claim("bo", epoch=0, command_id="k2"))) == "already_claimed"
    release = ReleaseHandover(command_id="k3", handover_id="h1", actor_id="ana", ownership_epoch=1)
    assert reason(await answer(one, release)) == "done"
    assert reason(await answer(two, claim("bo", epoch=2, command_id="k4"))) == "done"


async def test_a_fact_is_decided_anew_where_the_log_went_on_unseen(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    state = await one.newest(TENANT, "c1")
    assert state.owner_id is None
    assert reason(await answer(two, claim("bo", epoch=0, command_id="k1"))) == "done"
    lost = await answer(one, claim("ana", epoch=0, command_id="k2"))
    assert isinstance(lost.fact, HandoverRefused)
    assert (lost.fact.reason, lost.fact.owner_id) == ("already_claimed", "bo")


async def test_a_command_that_is_repeated_at_another_service_has_its_first_answer(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    await two.newest(TENANT, "c1")
    first = await answer(one, claim("ana", epoch=0, command_id="k1"))
    again = await answer(two, claim("ana", epoch=0, command_id="k1"))
    assert isinstance(again.fact, HandoverClaimed)
    assert again.sequence == first.sequence


async def test_a_message_that_follows_what_is_known_is_folded_without_a_look_at_the_log(
    desks: tuple[Desk, Desk],
) -> None:
    one, two = desks
    known = await one.newest(TENANT, "c1")
    await answer(two, claim("bo", epoch=0, command_id="k1"))
    read = replace(one, log=NoLog())
    assert (await read.through(await delivered(two, follows=known.sequence))).owner_id == "bo"


@pytest.mark.parametrize("follows", [None, 0])
async def test_a_message_that_proves_nothing_of_what_is_before_it_is_read_with_it(
    desks: tuple[Desk, Desk], follows: int | None
) -> None:
    one, two = desks
    await one.newest(TENANT, "c1")
    await answer(two, claim("bo", epoch=0, command_id="k1"))
    await answer(two, ReleaseHandover(command_id="k2", handover_id="h1", actor_id="bo", ownership_epoch=1))
    state = await one.through(await delivered(two, follows=follows))
    assert (state.owner_id, state.epoch) == (None, 2)


class NoLog:
    """A log that must not be looked at."""

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]:
        raise AssertionError(f"{tenant}.{key} was read behind {after}")

    async def append(self, message: Message, identity: Identity, *, fence: int) -> LogEntry:
        raise AssertionError(f"{message} was appended")


async def delivered(desk: Desk, *, follows: int | None) -> Delivery:
    """The newest message of the conversation, as a consumer hands it to its handler."""
    entry = (await desk.log.read(TENANT, "c1"))[-1]
    assert entry.message is not None
    subject = parse_subject(subject_for(entry.message, TENANT, "c1"))
    return Delivery(subject, entry.message, entry, attempt=1, complete_from=0, follows=follows)
