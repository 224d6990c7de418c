"""Do SQLite and MongoDB keep, find and count documents in the same way?"""

import asyncio
from collections.abc import Sequence

import pytest
from tests.support.store_questions import INDEXES, NEVER_MS, QUESTIONS, ROWS

from document_store import (
    DOCUMENT_ID,
    Between,
    Condition,
    Direction,
    DocumentStore,
    Equal,
    InvalidDocument,
    InvalidQuery,
    OneOf,
    Sort,
    Stored,
    StoreUnavailable,
    UniqueViolation,
    VersionConflict,
    Write,
    open_store,
)

UP, DOWN = Direction.ASCENDING, Direction.DESCENDING


async def fill(store: DocumentStore, collection: str, bodies: dict[str, dict[str, object]]) -> None:
    outcomes = await store.put_many(collection, [Write(name, body, 0) for name, body in bodies.items()])
    assert all(isinstance(outcome, Stored) for outcome in outcomes)


async def ids(store: DocumentStore, where: Sequence[Condition] = (), sort: Sequence[Sort] = ()) -> list[str]:
    """All ids in order, read two at a time."""
    found: list[str] = []
    cursor = None
    while True:
        page = await store.find("handovers", where, sort=sort, limit=2, cursor=cursor)
        found += [document.id for document in page.documents]
        cursor = page.next_cursor
        if cursor is None:
            return found


# --- collections


async def test_a_dropped_collection_is_empty_and_may_be_used_again(store: DocumentStore) -> None:
    await store.ensure_index("handovers", ("n",))
    await fill(store, "handovers", {"h1": {"n": 1}, "h2": {"n": 2}})
    await fill(store, "executions", {"h1": {"n": 1}})
    await store.drop("handovers")
    await store.drop("handovers")
    assert await ids(store) == []
    assert await store.get("executions", "h1") is not None
    with pytest.raises(InvalidQuery, match="index"):
        await store.find("handovers", (Equal("n", 1),))
    assert await store.put("handovers", "h1", {"n": 3}, expected_version=0) == 1
    with pytest.raises(InvalidQuery, match="collection"):
        await store.drop("No")


# --- one document


async def test_a_document_comes_back_as_it_was_put(store: DocumentStore) -> None:
    body: dict[str, object] = {
        "text": "Ünïcode 🙂 \u0000 end",
        "whole": 2**53 + 1,
        "negative": -(2**63) + 1,
        "fraction": 0.1,
        "one": 1.0,
        "yes": True,
        "nothing": None,
        "list": [1, [2, {"deep": 2**40}], "x", []],
        "object": {"": 1, "a.b": 2, "$set": {"$c": 3}, "_id": 4},
        "_id": "mine",
        "version": "also mine",
    }
    assert await store.put("handovers", "h/1 ü", body, expected_version=0) == 1
    document = await store.get("handovers", "h/1 ü")
    assert document is not None
    assert (document.id, document.version, document.body) == ("h/1 ü", 1, body)
    assert list(document.body) == list(body)
    assert type(document.body["whole"]) is int
    assert type(document.body["one"]) is float


async def test_a_document_that_was_never_put_is_none(store: DocumentStore) -> None:
    assert await store.get("handovers", "h1") is None


async def test_the_same_id_in_two_collections_is_two_documents(store: DocumentStore) -> None:
    await store.put("handovers", "1", {"in": "handovers"}, expected_version=0)
    await store.put("approvals", "1", {"in": "approvals"}, expected_version=0)
    document = await store.get("handovers", "1")
    assert document is not None
    assert document.body == {"in": "handovers"}


async def test_each_put_raises_the_version_by_one_and_replaces_the_body(store: DocumentStore) -> None:
    await store.put("handovers", "h1", {"a": 1}, expected_version=0)
    assert await store.put("handovers", "h1", {"b": 2}, expected_version=1) == 2
    document = await store.get("handovers", "h1")
    assert document is not None
    assert (document.version, document.body) == (2, {"b": 2})


@pytest.mark.parametrize("expected_version", [0, 1, 3])
async def test_a_put_on_another_version_is_refused_and_changes_nothing(
    store: DocumentStore, expected_version: int
) -> None:
    await store.put("handovers", "h1", {"n": 1}, expected_version=0)
    await store.put("handovers", "h1", {"n": 2}, expected_version=1)
    with pytest.raises(VersionConflict) as caught:
        await store.put("handovers", "h1", {"n": 3}, expected_version=expected_version)
    assert caught.value.current_version == 2
    document = await store.get("handovers", "h1")
    assert document is not None
    assert (document.version, document.body) == (2, {"n": 2})


async def test_an_update_of_a_missing_document_is_refused_and_creates_nothing(store: DocumentStore) -> None:
    with pytest.raises(VersionConflict) as caught:
        await store.put("handovers", "h1", {"n": 1}, expected_version=4)
    assert caught.value.current_version == 0
    assert await store.get("handovers", "h1") is None


async def test_a_deleted_document_is_gone_and_may_be_deleted_again(store: DocumentStore) -> None:
    await store.put("handovers", "h1", {"n": 1}, expected_version=0)
    await store.delete("handovers", "h1", expected_version=1)
    await store.delete("handovers", "h1", expected_version=1)
    assert await store.get("handovers", "h1") is None
    assert await store.put("handovers", "h1", {"n": 2}, expected_version=0) == 1


async def test_only_the_version_that_was_meant_is_deleted(store: DocumentStore) -> None:
    await store.put("handovers", "h1", {"n": 1}, expected_version=0)
    await store.put("handovers", "h1", {"n": 2}, expected_version=1)
    with pytest.raises(VersionConflict) as told:
        await store.delete("handovers", "h1", expected_version=1)
    assert told.value.current_version == 2
    with pytest.raises(InvalidQuery, match="expected version 0"):
        await store.delete("handovers", "h1", expected_version=0)
    await store.delete("handovers", "h1", expected_version=2)
    assert await store.get("handovers", "h1") is None


async def test_of_100_concurrent_puts_on_one_version_exactly_one_wins_each_round(store: DocumentStore) -> None:
    for version in range(5):
        puts = [store.put("handovers", "h1", {"by": i}, expected_version=version) for i in range(100)]
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
        winners = [i for i, outcome in enumerate(outcomes) if outcome == version + 1]
        conflicts = [outcome for outcome in outcomes if isinstance(outcome, VersionConflict)]
        assert len(winners) == 1
        assert len(conflicts) == 99
        assert {conflict.current_version for conflict in conflicts} == {version + 1}
        document = await store.get("handovers", "h1")
        assert document is not None
        assert document.body == {"by": winners[0]}


async def test_two_openers_of_one_store_share_its_versions(store: DocumentStore, store_url: str) -> None:
    other = await open_store(store_url)
    openers = [store, other] * 10
    puts = [opener.put("handovers", "h1", {"by": i}, expected_version=0) for i, opener in enumerate(openers)]
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    await other.close()
    assert sum(outcome == 1 for outcome in outcomes) == 1
    assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 19


# --- batches


async def test_each_write_of_a_batch_has_its_own_outcome(store: DocumentStore) -> None:
    await store.ensure_unique_index("handovers", ["key"])
    await fill(store, "handovers", {"old": {"key": "k0"}, "stale": {"key": "k1"}})
    await store.put("handovers", "stale", {"key": "k1", "n": 2}, expected_version=1)
    outcomes = await store.put_many(
        "handovers",
        [
            Write("old", {"key": "k0", "n": 2}, 1),
            Write("stale", {"key": "k1", "n": 3}, 1),
            Write("new", {"key": "k2"}, 0),
            Write("same-key", {"key": "k2"}, 0),
            Write("missing", {"key": "k4"}, 7),
        ],
    )
    # MongoDB writes the batch side by side, so either of the two with one key may be the one that is stored.
    old, stale, new, same_key, missing = outcomes
    assert old == Stored(2)
    assert isinstance(stale, VersionConflict)
    assert stale.current_version == 2
    assert sorted([type(new), type(same_key)], key=str) == sorted([Stored, UniqueViolation], key=str)
    assert isinstance(missing, VersionConflict)
    assert missing.current_version == 0


async def test_of_concurrent_batches_each_document_is_won_once(store: DocumentStore) -> None:
    batches = [[Write(f"d{n}", {"by": b}, 0) for n in range(20)] for b in range(5)]
    results = await asyncio.gather(*(store.put_many("handovers", batch) for batch in batches))
    for n in range(20):
        winners = [b for b, outcomes in enumerate(results) if isinstance(outcomes[n], Stored)]
        document = await store.get("handovers", f"d{n}")
        assert document is not None
        assert winners == [document.body["by"]]


async def test_an_empty_batch_has_no_outcomes(store: DocumentStore) -> None:
    assert await store.put_many("handovers", []) == []


async def test_one_invalid_body_refuses_its_whole_batch_before_anything_is_written(store: DocumentStore) -> None:
    with pytest.raises(InvalidDocument):
        await store.put_many("handovers", [Write("good", {}, 0), Write("bad", {"x": {1, 2}}, 0)])
    assert await store.get("handovers", "good") is None


# --- counters


async def test_concurrent_increments_from_nothing_all_count(store: DocumentStore) -> None:
    values = await asyncio.gather(*(store.increment("rollups", "r1", "h.137", by=2) for _ in range(50)))
    assert sorted(values) == list(range(2, 101, 2))
    document = await store.get("rollups", "r1")
    assert document is not None
    assert (document.version, document.body) == (50, {"h": {"137": 100}})


async def test_an_increment_makes_a_put_on_the_earlier_version_stale(store: DocumentStore) -> None:
    await store.put("rollups", "r1", {"n": 5, "other": "kept"}, expected_version=0)
    assert await store.increment("rollups", "r1", "n", by=-7) == -2
    with pytest.raises(VersionConflict):
        await store.put("rollups", "r1", {"n": 0}, expected_version=1)
    document = await store.get("rollups", "r1")
    assert document is not None
    assert document.body == {"n": -2, "other": "kept"}


@pytest.mark.parametrize("field", ["text", "text.below", "nothing", "object"])
async def test_what_is_not_a_number_cannot_be_incremented(store: DocumentStore, field: str) -> None:
    body: dict[str, object] = {"text": "t", "nothing": None, "object": {}}
    await store.put("rollups", "r1", body, expected_version=0)
    with pytest.raises(InvalidDocument, match="is not a number"):
        await store.increment("rollups", "r1", field, by=1)
    document = await store.get("rollups", "r1")
    assert document is not None
    assert (document.version, document.body) == (1, body)


# --- unique indexes


async def test_a_unique_index_refuses_the_second_document_with_the_same_values(store: DocumentStore) -> None:
    await store.ensure_unique_index("handovers", ["tenant", "key.of"])
    await store.put("handovers", "a", {"tenant": "t", "key": {"of": "k"}}, expected_version=0)
    await store.put("handovers", "b", {"tenant": "u", "key": {"of": "k"}}, expected_version=0)
    with pytest.raises(UniqueViolation) as caught:
        await store.put("handovers", "c", {"tenant": "t", "key": {"of": "k"}}, expected_version=0)
    assert caught.value.fields == ("tenant", "key.of")
    with pytest.raises(UniqueViolation):
        await store.put("handovers", "b", {"tenant": "t", "key": {"of": "k"}}, expected_version=1)
    assert await store.get("handovers", "c") is None


async def test_of_50_concurrent_documents_with_one_unique_value_exactly_one_is_stored(store: DocumentStore) -> None:
    await store.ensure_unique_index("handovers", ["key"])
    puts = [store.put("handovers", f"h{i}", {"key": "same"}, expected_version=0) for i in range(50)]
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    assert sum(outcome == 1 for outcome in outcomes) == 1
    assert sum(isinstance(outcome, UniqueViolation) for outcome in outcomes) == 49
    assert await store.count("handovers") == 1


async def test_a_unique_value_is_free_again_once_its_document_is_deleted(store: DocumentStore) -> None:
    await store.ensure_unique_index("handovers", ["key"])
    await store.put("handovers", "a", {"key": "k"}, expected_version=0)
    await store.delete("handovers", "a", expected_version=1)
    assert await store.put("handovers", "b", {"key": "k"}, expected_version=0) == 1


async def test_a_unique_index_over_documents_that_break_it_is_refused(store: DocumentStore) -> None:
    await fill(store, "handovers", {"a": {"key": "k"}, "b": {"key": "k"}})
    with pytest.raises(UniqueViolation):
        await store.ensure_unique_index("handovers", ["key"])


async def test_indexes_may_be_declared_again_and_hold_after_the_store_is_opened_again(
    store: DocumentStore, store_url: str
) -> None:
    for _ in range(2):
        await store.ensure_unique_index("handovers", ["key"])
        await store.ensure_index("handovers", ["queue", "due"])
    await store.put("handovers", "a", {"key": "k"}, expected_version=0)
    other = await open_store(store_url)
    with pytest.raises(UniqueViolation):
        await other.put("handovers", "b", {"key": "k"}, expected_version=0)
    await other.close()


# --- finding


BODIES: dict[str, dict[str, object]] = {
    "a": {"queue": "billing", "due": 5, "open": True},
    "b": {"queue": "billing", "due": 3, "open": False},
    "c": {"queue": "tech", "due": 5, "open": True},
    "d": {"queue": "billing", "due": None, "open": True},
    "e": {"queue": "billing", "open": False},
    "f": {"queue": "tech", "due": 4.5, "open": True},
    "g": {"queue": "ähnlich", "due": -1, "open": True},
}


@pytest.fixture
async def filled(store: DocumentStore) -> DocumentStore:
    await store.ensure_index("handovers", ["queue", "due"])
    await store.ensure_index("handovers", ["open"])
    await fill(store, "handovers", BODIES)
    return store


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([], "abcdefg"),
        ([Equal("queue", "tech")], "cf"),
        ([Equal("queue", "nobody")], ""),
        ([Equal("open", True)], "acdfg"),
        ([Equal("due", None)], "de"),
        ([Equal("due", 5.0)], "ac"),
        ([OneOf("queue", ["tech", "ähnlich"])], "cfg"),
        ([OneOf("due", [])], ""),
        ([Between("due", at_least=4, below=5)], "f"),
        ([Between("due", at_least=5)], "ac"),
        ([Between("due", below=4)], "bg"),
        ([Between("due")], "abcfg"),
        ([Between("queue", at_least="billing", below="u")], "abcdef"),
        ([Equal("queue", "billing"), Equal("open", True), Between("due")], "a"),
        ([OneOf(DOCUMENT_ID, ["a", "g", "z"])], "ag"),
        ([Between(DOCUMENT_ID, at_least="c", below="e")], "cd"),
    ],
)
async def test_conditions_find_and_count_the_same_documents(
    filled: DocumentStore, where: list[Condition], expected: str
) -> None:
    assert "".join(await ids(filled, where)) == expected
    assert await filled.count("handovers", where) == len(expected)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ([Sort(DOCUMENT_ID, DOWN)], "gfedcba"),
        ([Sort("due")], "degbfac"),
        ([Sort("due", DOWN)], "cafbged"),
        ([Sort("queue"), Sort("due")], "debafcg"),
        ([Sort("queue", DOWN), Sort("due", DOWN)], "gcfabed"),
        ([Sort("queue"), Sort("due", DOWN)], "abedcfg"),
        ([Sort("due", DOWN), Sort(DOCUMENT_ID)], "acfbgde"),
    ],
)
async def test_pages_of_two_join_to_the_whole_order(filled: DocumentStore, sort: list[Sort], expected: str) -> None:
    assert "".join(await ids(filled, sort=sort)) == expected


async def test_a_page_that_ends_with_the_last_document_has_no_cursor(filled: DocumentStore) -> None:
    page = await filled.find("handovers", [Equal("queue", "tech")], limit=2)
    assert len(page.documents) == 2
    assert page.next_cursor is None


async def test_a_cursor_neither_repeats_nor_skips_documents_when_others_come_and_go(filled: DocumentStore) -> None:
    sort = [Sort("due"), Sort("queue")]
    await filled.ensure_index("handovers", ["due", "queue"])
    seen: list[str] = []
    cursor = None
    for step in range(20):
        page = await filled.find("handovers", sort=sort, limit=1, cursor=cursor)
        seen += [document.id for document in page.documents]
        cursor = page.next_cursor
        if cursor is None:
            break
        # One document before the place of the cursor, and the one under the cursor is deleted.
        await filled.put("handovers", f"new{step}", {"queue": "a", "due": -100 - step}, expected_version=0)
        await filled.delete("handovers", seen[-1], expected_version=1)
    old = [document_id for document_id in seen if document_id in BODIES]
    assert "".join(old) == "degbfac"
    assert len(seen) == len(set(seen))


async def test_what_services_ask_has_one_answer_whole_in_pages_and_counted(store: DocumentStore) -> None:
    for fields in INDEXES:
        await store.ensure_index("handovers", fields)
    await fill(store, "handovers", ROWS)
    for question in QUESTIONS:
        page = await store.find("handovers", question.where, sort=question.sort)
        assert "".join(document.id for document in page.documents) == question.expected, question
        assert "".join(await ids(store, question.where, question.sort)) == question.expected, question
        assert await store.count("handovers", question.where) == len(question.expected), question


async def test_of_those_who_remove_what_expired_and_those_who_renew_it_each_document_has_one(
    store: DocumentStore,
) -> None:
    await store.ensure_index("sessions", ["expires_ms"])
    await fill(store, "sessions", {f"s{n}": {"expires_ms": n} for n in range(20)} | {"kept": {"expires_ms": NEVER_MS}})
    page = await store.find("sessions", [Between("expires_ms", below=20)], limit=1_000)
    assert len(page.documents) == 20
    deletes = [store.delete("sessions", document.id, expected_version=1) for document in page.documents]
    renewals = [
        store.put("sessions", document.id, {"expires_ms": NEVER_MS}, expected_version=1) for document in page.documents
    ]
    outcomes = await asyncio.gather(*deletes, *renewals, return_exceptions=True)
    for removed, renewed in zip(outcomes[:20], outcomes[20:], strict=True):
        assert isinstance(removed, VersionConflict) != isinstance(renewed, VersionConflict)
    assert await store.count("sessions") == 1 + sum(renewed == 2 for renewed in outcomes[20:])


async def test_counting_stops_at_the_number_asked_for(filled: DocumentStore) -> None:
    assert await filled.count("handovers", at_most=3) == 3


# --- the store as a whole


async def test_documents_are_there_after_the_store_is_opened_again(store_url: str) -> None:
    first = await open_store(store_url)
    await first.put("handovers", "a", {"n": 1}, expected_version=0)
    await first.close()
    second = await open_store(store_url)
    document = await second.get("handovers", "a")
    await second.close()
    assert document is not None
    assert document.body == {"n": 1}


async def test_a_closed_store_says_that_it_is_unavailable(store_url: str) -> None:
    store = await open_store(store_url)
    await store.ping()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.ping()
    with pytest.raises(StoreUnavailable):
        await store.get("handovers", "a")
