"""Does each store of the inbox keep its word on SQLite and on MongoDB?"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import JsonValue

from document_store import DocumentStore, VersionConflict, open_store
from document_store.protocol import Direction
from hil_inbox.adapters.attempts import Attempts
from hil_inbox.adapters.audit_store import AuditStore
from hil_inbox.adapters.customer_documents import CustomerDocuments
from hil_inbox.adapters.one_time_store import OneTimeStore
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.queue_store import QueueStore
from hil_inbox.adapters.saved_views import SavedView, SavedViews, SavedViewStore
from hil_inbox.adapters.session_store import SessionStore
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.adapters.word_index import WordIndex
from hil_inbox.domain.attempts import FAILURES_OF_ACCOUNT_MAX, WINDOW_MS
from hil_inbox.domain.open_hours import NEVER_MS
from hil_inbox.domain.people import Person
from hil_inbox.domain.read_model import Body, Place
from hil_inbox.domain.sessions import SEEN_EVERY_MS, Lifetimes, begin
from hil_inbox.domain.tokens import Token
from hil_inbox.handlers.count_queue import QueueCounts
from tests.support.store_questions import AskedOnly

NOW_MS = 1_800_000_000_000


@pytest.fixture(params=["sqlite", "mongo"])
def store_url(store_url: str) -> str:
    """On both."""
    return store_url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[DocumentStore]:
    """Empty; whatever the conformance suite does not ask, it does not answer."""
    opened = await open_store(store_url)
    yield AskedOnly(opened)
    await opened.close()


def row(row_id: str, **fields: JsonValue) -> tuple[Place, Body]:
    usual: dict[str, JsonValue] = {
        "tenant": "acme", "key": f"key-of-{row_id}", "kind": "handover", "queue": "shop", "team": None,
        "state": "waiting", "owner_id": None, "epoch": 0, "due_ms": NEVER_MS, "rank": 2, "opened_ms": 10,
        "skills": [], "as_of_seq": 1,
    }  # fmt: skip
    return ("queue", row_id), {**usual, **fields}


async def test_people_are_added_once_changed_and_listed_by_tenant(store: DocumentStore) -> None:
    people = PeopleStore(store)
    await people.prepare()
    ana = Person(tenant="acme", actor_id="ana")
    added = await asyncio.gather(*(people.add(ana) for _ in range(5)))
    assert sorted(added) == [False, False, False, False, True]
    assert await people.put(ana.model_copy(update={"name": "Ana Ünal"})) == ana
    await people.add(Person(tenant="acme", actor_id="Bo"))
    await people.add(Person(tenant="globex", actor_id="gil"))
    assert [one.actor_id for one in await people.of_tenant("acme")] == ["Bo", "ana"]
    found = await people.get("acme", "ana")
    assert found is not None and found.name == "Ana Ünal"
    assert await people.get("globex", "ana") is None


async def test_a_token_is_found_by_its_text_and_ended_within_its_tenant(store: DocumentStore) -> None:
    tokens = TokenStore(store)
    await tokens.prepare()
    for number, tenant in enumerate(("acme", "globex", "acme")):
        dates = {"created_ms": NOW_MS - number, "created_by": "root", "expires_ms": NOW_MS}
        made = {"token_id": f"t{number}", "tenant": tenant, "scopes": ["inbox:read"]}
        await tokens.add(f"text {number}", Token.model_validate({**made, **dates}))
    assert [one.token_id for one in await tokens.of_tenant("acme")] == ["t2", "t0"]
    assert await tokens.revoke("globex", "t0", now_ms=NOW_MS) is None
    for later in (0, 5):
        ended = await tokens.revoke("acme", "t0", now_ms=NOW_MS + later)
        assert ended is not None and ended.revoked_ms == NOW_MS
    found = await tokens.find("text 0")
    assert found is not None and found.revoked_ms == NOW_MS
    assert await tokens.find("text 3") is None


async def test_sessions_are_seen_ended_and_removed_when_they_expire(store: DocumentStore) -> None:
    sessions = SessionStore(store)
    await sessions.prepare()
    for number, actor_id in enumerate(("ana", "ana", "bo", "cy")):
        lifetimes = Lifetimes(absolute_ms=1_000_000 if actor_id == "bo" else 2_000_000, idle_ms=1_000)
        await sessions.add(f"s{number}", begin(("acme", actor_id), lifetimes, NOW_MS))
    for since_ms, seen_ms in ((SEEN_EVERY_MS - 1, NOW_MS), (SEEN_EVERY_MS, NOW_MS + SEEN_EVERY_MS)):
        await sessions.saw("s3", now_ms=NOW_MS + since_ms)
        seen = await sessions.find("s3")
        assert seen is not None and seen.seen_ms == seen_ms
    await sessions.end_all("acme", "ana")
    assert [await sessions.find(text) is None for text in ("s0", "s1", "s2", "s3")] == [True, True, False, False]
    await sessions.sweep(now_ms=NOW_MS + 1_000_001)
    assert [await sessions.find(text) is None for text in ("s2", "s3")] == [True, False]
    await sessions.end("s3")
    assert await sessions.find("s3") is None


async def test_of_all_who_bring_a_code_one_gets_what_was_kept_and_nobody_after_its_time(store: DocumentStore) -> None:
    codes = OneTimeStore(store)
    await codes.prepare()
    for text in ("good", "late"):
        await codes.add(text, "code", {"actor_id": "ana"}, expires_ms=NOW_MS)
    assert await codes.take("good", "another kind", now_ms=0) is None
    taken = await asyncio.gather(*(codes.take("good", "code", now_ms=NOW_MS - 1) for _ in range(10)))
    assert [one for one in taken if one is not None] == [{"actor_id": "ana"}]
    assert await codes.take("late", "code", now_ms=NOW_MS) is None
    await codes.sweep(now_ms=NOW_MS + 1)
    await codes.add("good", "code", {"actor_id": "bo"}, expires_ms=NOW_MS)  # The text is free again.


async def test_failures_are_counted_together_and_forgotten_after_the_window(store: DocumentStore) -> None:
    attempts, who = Attempts(store), ("account:ana", "address:::1")
    await attempts.prepare()
    for _ in range(FAILURES_OF_ACCOUNT_MAX // 2):
        await asyncio.gather(*(attempts.count_failure(who, now_ms=NOW_MS) for _ in range(2)))
    assert await attempts.seconds_to_wait(who, now_ms=NOW_MS) == WINDOW_MS // 1_000
    assert await attempts.seconds_to_wait(("address:::1", "account:bo"), now_ms=NOW_MS) == 0
    assert await attempts.seconds_to_wait(who, now_ms=NOW_MS + WINDOW_MS) == 0
    await attempts.sweep(now_ms=NOW_MS + WINDOW_MS + 1)
    await attempts.count_failure(who, now_ms=NOW_MS)
    assert await attempts.seconds_to_wait(who, now_ms=NOW_MS) == 0


async def test_the_audit_is_found_by_tenant_person_conversation_and_time_newest_first(store: DocumentStore) -> None:
    audit = AuditStore(store)
    await ViewStore(store).prepare()
    for number in range(6):
        entry = {"tenant": "acme", "actor_id": "ana" if number % 2 else "bo", "key": "c1", "at_ms": number}
        for _ in range(2):
            await audit.note(f"e{number}", entry)
    await audit.note("other", {"tenant": "globex", "actor_id": "ana", "key": "c1", "at_ms": 9})

    async def found(since_ms: int, **where: str) -> list[object]:
        times, cursor = [], None
        while True:
            page = await audit.find("acme", where, since_ms=since_ms, limit=2, cursor=cursor)
            times += [document.body["at_ms"] for document in page.documents]
            cursor = page.next_cursor
            if cursor is None:
                return times

    assert await found(0) == [5, 4, 3, 2, 1, 0]
    assert await found(2, actor_id="ana") == [5, 3]
    assert await found(4, actor_id="ana", key="c1") == [5]
    assert await found(0, key="c2") == []


async def test_words_are_found_whole_and_by_their_beginning_within_the_tenant(store: DocumentStore) -> None:
    index = WordIndex(store)
    await index.prepare()
    for at_ms, (tenant, key, words) in enumerate(
        [("acme", "c1", ["order", "ören"]), ("acme", "c2", ["orderly", "order"]), ("globex", "c3", ["order"])]
    ):
        await index.add(tenant, key, words, at_ms=at_ms)
        await WordIndex(store).add(tenant, key, words, at_ms=at_ms + 100)  # Another replica; the first mention stays.
    assert (await index.with_word("acme", "order")).at_ms == {"c1": 0, "c2": 1}
    assert (await index.with_beginning("acme", "orderl")).at_ms == {"c2": 1}
    assert (await index.with_beginning("acme", "ö")).at_ms == {"c1": 0}
    assert (await index.with_beginning("acme", "orders")).at_ms == {}


async def test_saved_views_are_each_persons_own_and_replaced_whole(store: DocumentStore) -> None:
    views = SavedViewStore(store)
    first, second = (SavedViews(views=(SavedView(name=name),)) for name in ("first", "second"))
    assert await views.get("acme", "ana") == SavedViews()
    for kept in (first, second):
        await views.put("acme", "ana", kept)
    assert await views.get("acme", "ana") == second
    assert await views.get("acme", "bo") == SavedViews()


async def test_the_queue_tells_what_waits_who_has_what_and_how_much_of_it_there_is(store: DocumentStore) -> None:
    views, rows = ViewStore(store), QueueStore(store)
    await views.prepare()
    written = [
        row("h1", due_ms=500, opened_ms=30),
        row("h2", due_ms=500, rank=0, opened_ms=40, team="blue"),
        row("h3", opened_ms=20),
        row("h4", state="assigned", owner_id="ana", due_ms=100),
        row("h5", state="snoozed", owner_id="ana"),
        row("h6", state="assigned", owner_id="bo"),
        row("a1", kind="approval", due_ms=50, opened_ms=1),
        row("g1", tenant="globex"),
    ]
    await views.write(dict(written))
    assert [held.id for held in await rows.waiting("acme", "shop")] == ["h2", "h1", "h3"]
    assert [held.id for held in await rows.waiting("acme", "shop", at_most=1)] == ["h2"]
    assert await rows.in_hand("acme") == {"ana": {"h4"}, "bo": {"h6"}}
    assert [held.id for held in await rows.owned_by("acme", ["ana", "bo"])] == ["h4", "h5", "h6"]
    assert await rows.oldest_ms("acme", "shop") == 20
    numbers = [await count("acme", "shop") for count in (rows.waiting_count, rows.assigned_count, rows.approvals_count)]
    assert numbers == [3, 2, 1]
    assert await rows.breached_count("acme", "shop", now_ms=501) == 3
    assert await rows.load_of("acme", "ana") == 1
    assert await rows.get("globex", "h1") is None
    assert await CustomerDocuments(store).place("acme", "h1") == 2
    assert await CustomerDocuments(store).place("acme", "h4") is None
    counts = await QueueCounts(store, read_floor).of("acme", "ana", ["blue"])
    assert counts == {"mine": 1, "unclaimed": 3, "approvals": 1, "teams": 1, "snoozed": 1, "as_of_seq": 7}
    assert (await QueueCounts(store, read_floor).of("acme", "ana", []))["teams"] == 0


async def read_floor() -> int:
    return 7


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, ["h2", "h1", "h3"]),
        ({"state": ["waiting"], "owner_id": None}, ["h1", "h3"]),
        ({"kind": "handover", "queue": "shop", "team": "blue", "state": ["assigned"], "owner_id": "ana"}, ["h2"]),
        ({"queue": "x\0y"}, []),
    ],
)
async def test_the_list_is_filtered_ordered_and_read_in_pages(
    store: DocumentStore, where: dict[str, str | list[str] | None], expected: list[str]
) -> None:
    views = ViewStore(store)
    await views.prepare()
    rows = [row("h1", due_ms=5), row("h2", state="assigned", owner_id="ana", due_ms=1, team="blue"), row("h3")]
    await views.write(dict(rows))
    found: list[str] = []
    cursor = None
    while True:
        page = await views.find("queue", {"tenant": "acme", **where}, limit=1, cursor=cursor)
        found += [document.id for document in page.documents]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == expected


async def test_a_document_never_goes_back_behind_what_it_shows(store: DocumentStore) -> None:
    views = ViewStore(store)
    await views.prepare()
    bodies: list[Body] = [{"tenant": "acme", "as_of_seq": sequence} for sequence in range(1, 13)]
    await asyncio.gather(*(views.write({("handovers", "h1"): body}) for body in bodies))
    found = await views.get("handovers", "h1")
    assert found is not None and found["as_of_seq"] == 12


async def test_a_transcript_is_read_from_either_end_and_from_a_place_on(store: DocumentStore) -> None:
    views = ViewStore(store)
    await views.prepare()
    lines: list[Body] = [{"tenant": "acme", "key": "c1", "seq": seq, "as_of_seq": seq} for seq in (2, 9, 10, 2**40)]
    await views.write({("transcript", f"l{line['seq']}"): line for line in lines})
    for direction, expected in ((Direction.ASCENDING, [2, 9, 10]), (Direction.DESCENDING, [2**40, 10, 9])):
        where = {"tenant": "acme", "key": "c1"}
        page = await views.transcript(where, limit=3, cursor=None, direction=direction)
        assert [document.body["seq"] for document in page.documents] == expected
        assert page.next_cursor is not None
    found, has_older = await CustomerDocuments(store).newest("acme", "c1", after=2, until=2**40 - 1, limit=1)
    assert ([line["seq"] for line in found], has_older) == ([10], True)


async def test_who_changes_a_person_at_once_with_another_is_told(store: DocumentStore) -> None:
    people = PeopleStore(store)
    await people.prepare()
    ana = Person(tenant="acme", actor_id="ana")
    await people.add(ana)
    changed = [ana.model_copy(update={"capacity": number}) for number in range(20)]
    outcomes = await asyncio.gather(*(people.put(one) for one in changed), return_exceptions=True)
    stored = [one for one, told in zip(changed, outcomes, strict=True) if not isinstance(told, BaseException)]
    assert stored and all(isinstance(told, Person | VersionConflict) for told in outcomes)
    found = await people.get("acme", "ana")
    assert found in stored
