"""The call ledger on a real Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service_kit.errors import RetryLater
from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until
from tool_runner.adapters.call_ledger import (
    UNREADABLE,
    CallLedger,
    CallReference,
    Claimed,
    KeyReused,
    Orphaned,
    Recorded,
    opened_ledger,
)
from tool_runner.adapters.seal import Seal
from tool_runner.domain.outcome import Done, ErrorClass, Failed, Unknown, Verdict

LEASE_SECONDS = 0.4
SEAL = Seal("the ledger of the tests")


@pytest.fixture
async def ours(redis_server: RedisServer) -> AsyncIterator[CallLedger]:
    async with opened_ledger(
        redis_server.url, process="ours", seal=SEAL, lease_seconds=LEASE_SECONDS, keep_seconds=60, connections_max=4
    ) as ledger:
        yield ledger


@pytest.fixture
def theirs(ours: CallLedger) -> CallLedger:
    """Another process, which renews no lease."""
    return CallLedger(ours.redis, "theirs", SEAL, lease_seconds=LEASE_SECONDS, keep_seconds=60)


def call(ledger: CallLedger, command: str = "one", *, scope: str = "acme.c1", arguments: str = "h") -> CallReference:
    return ledger.reference(scope, "key", call_hash=arguments, command_id=command)


async def test_a_new_call_is_ours_and_its_end_is_remembered(ours: CallLedger) -> None:
    assert await ours.claim(call(ours)) == Claimed()
    await ours.start(call(ours))
    await ours.finish(call(ours), Done({"a": [1, None]}, is_error=True))
    assert await ours.claim(call(ours)) == Recorded(Done({"a": [1, None]}, is_error=True))
    assert await ours.claim(call(ours, "two")) == Recorded(Done({"a": [1, None]}, is_error=True))


async def test_a_key_with_other_arguments_is_reused_and_of_another_key_it_is_not(ours: CallLedger) -> None:
    await ours.claim(call(ours))
    assert await ours.claim(call(ours, "two", arguments="other")) == KeyReused()
    assert await ours.claim(call(ours, "two", arguments="other", scope="acme.c2")) == Claimed()


@pytest.mark.parametrize(
    ("verdict", "next_claim"),
    [
        (Failed(ErrorClass.TIMEOUT, "late", retryable=True), Claimed()),
        (Unknown("cut"), Recorded(Unknown("cut"))),
    ],
)
async def test_only_a_failed_call_is_made_anew_by_another_attempt(
    ours: CallLedger, verdict: Verdict, next_claim: object
) -> None:
    await ours.claim(call(ours))
    await ours.finish(call(ours), verdict)
    assert await ours.claim(call(ours)) == Recorded(verdict)
    assert await ours.claim(call(ours, "two")) == next_claim


async def test_a_look_says_what_a_claim_would_and_takes_nothing(ours: CallLedger, theirs: CallLedger) -> None:
    assert await ours.look(call(ours)) == Claimed()
    assert await theirs.claim(call(theirs)) == Claimed()
    with pytest.raises(RetryLater, match="another process"):
        await ours.look(call(ours))
    await theirs.finish(call(theirs), Done(1))
    assert await ours.look(call(ours)) == Recorded(Done(1))
    assert await ours.look(call(ours, arguments="other")) == KeyReused()


async def test_the_cost_of_a_call_is_told_to_the_command_that_it_was_spent_for(ours: CallLedger) -> None:
    await ours.claim(call(ours))
    await ours.finish(call(ours), Done(1), cost_microdollars=70)
    assert await ours.claim(call(ours)) == Recorded(Done(1), cost_microdollars=70)
    assert await ours.claim(call(ours, "two")) == Recorded(Done(1), cost_microdollars=0)


async def test_a_living_owner_keeps_its_call(ours: CallLedger, theirs: CallLedger) -> None:
    await ours.claim(call(ours))
    await ours.start(call(ours))
    first = await ours.redis.hget(call(ours).entry, "l")  # type: ignore[misc]

    async def renewed_twice() -> bool:
        return int(await ours.redis.hget(call(ours).entry, "l")) > int(first) + LEASE_SECONDS * 600  # type: ignore[misc]

    await wait_until(renewed_twice)
    with pytest.raises(RetryLater, match="another process"):
        await theirs.claim(call(theirs))


async def test_a_silent_owner_loses_a_call_that_it_had_sent(ours: CallLedger, theirs: CallLedger) -> None:
    await theirs.claim(call(theirs))
    await theirs.start(call(theirs))
    assert await claimed_at_last(ours) == Orphaned()
    with pytest.raises(RetryLater, match="taken over"):
        await theirs.finish(call(theirs), Done(1))
    await ours.finish(call(ours), Unknown("cut"))
    assert await theirs.claim(call(theirs)) == Recorded(Unknown("cut"))


async def test_a_silent_owner_loses_a_call_that_it_had_not_sent(ours: CallLedger, theirs: CallLedger) -> None:
    await theirs.claim(call(theirs))
    assert await claimed_at_last(ours) == Claimed()
    with pytest.raises(RetryLater, match="taken over"):
        await theirs.start(call(theirs))


async def test_entries_are_forgotten_after_their_time(ours: CallLedger) -> None:
    await ours.claim(call(ours))
    await ours.finish(call(ours), Done(1))
    left = await ours.redis.pttl(call(ours).entry)
    assert 0 < left <= 60_000


@pytest.mark.parametrize(
    "verdict", [Done({"mail": "anna@example.com"}), Failed(ErrorClass.TIMEOUT, "anna@example.com"), Unknown("anna@")]
)
async def test_redis_holds_nothing_of_what_a_tool_answered(ours: CallLedger, verdict: Verdict) -> None:
    await ours.claim(call(ours))
    await ours.finish(call(ours), verdict)
    stored = await ours.redis.hgetall(call(ours).entry)  # type: ignore[misc]
    assert set(stored) == {b"s", b"h", b"o", b"c", b"l", b"v"}
    assert b"anna" not in b"".join(stored.values())
    assert await ours.claim(call(ours)) == Recorded(verdict)


@pytest.mark.parametrize("verdict", [Done(1), Failed(ErrorClass.TIMEOUT), Unknown("cut")])
async def test_what_another_secret_sealed_has_ended_and_is_never_made_again(ours: CallLedger, verdict: Verdict) -> None:
    await ours.claim(call(ours))
    await ours.finish(call(ours), verdict)
    rotated = CallLedger(ours.redis, "later", Seal("another secret than before"), lease_seconds=LEASE_SECONDS)
    assert await rotated.claim(call(rotated)) == Recorded(Unknown(UNREADABLE))


async def test_a_record_that_was_moved_to_another_call_or_written_by_hand_is_not_believed(ours: CallLedger) -> None:
    other = call(ours, scope="acme.c2")
    for one, answer in ((call(ours), "paid"), (other, "refused")):
        await ours.claim(one)
        await ours.finish(one, Done(answer))
    moved = await ours.redis.hget(call(ours).entry, "v")  # type: ignore[misc]
    for forged in (moved, '{"kind": "done", "result": "paid", "is_error": false}', "", "AAAA"):
        await ours.redis.hset(other.entry, "v", forged)  # type: ignore[misc]
        assert await ours.claim(other) == Recorded(Unknown(UNREADABLE))


async def test_the_ledger_outlives_its_process(ours: CallLedger) -> None:
    await ours.claim(call(ours))
    await ours.finish(call(ours), Done("paid"))
    restarted = CallLedger(ours.redis, "later", Seal("the ledger of the tests"))
    assert await restarted.claim(call(restarted, "two")) == Recorded(Done("paid"))


async def test_a_hundred_claims_at_once_have_one_winner(ours: CallLedger) -> None:
    async def claim(number: int) -> bool:
        try:
            return await ours.claim(call(ours, f"command {number}")) == Claimed()
        except RetryLater:
            return False

    assert sum(await asyncio.gather(*(claim(number) for number in range(100)))) == 1


async def claimed_at_last(ledger: CallLedger) -> object:
    claims: list[object] = []

    async def claimed() -> bool:
        try:
            claims.append(await ledger.claim(call(ledger)))
        except RetryLater:
            return False
        return True

    await wait_until(claimed)
    return claims[0]
