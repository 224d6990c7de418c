"""Does the store refuse, before anything is written, what one of its adapters would keep differently?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from document_store import (
    Between,
    DocumentStore,
    Equal,
    InvalidDocument,
    InvalidQuery,
    OneOf,
    Sort,
    Write,
    open_store,
)
from document_store.limits import (
    BATCH_WRITES_MAX,
    COUNT_MAX,
    DOCUMENT_BYTES_MAX,
    ID_BYTES_MAX,
    ONE_OF_MAX,
    PAGE_DOCUMENTS_MAX,
    encode_body,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    opened = await open_store(f"sqlite:///{tmp_path}/store.db")
    await opened.ensure_index("handovers", ["queue"])
    await opened.ensure_unique_index("keyed", ["key"])
    yield opened
    await opened.close()


def nested(depth: int) -> dict[str, object]:
    return {"x": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"n": float("nan")}, "not a number of JSON"),
        ({"n": float("-inf")}, "not a number of JSON"),
        ({"n": 2**63}, "more than 64 bits"),
        ({"n": -(2**63)}, "more than 64 bits"),
        ({"s": "\ud800"}, "not valid Unicode"),
        ({"\ud800": 1}, "not valid Unicode"),
        ({"a\0b": 1}, "without NUL"),
        ({1: "x"}, "must be a text"),
        ({"b": b"bytes"}, "bytes is not a type of JSON"),
        ({"list": [{"deep": {1, 2}}]}, r"h1\.list\[0\]\.deep: set"),
        (nested(70), "nested deeper than 60"),
        ({"text": "x" * DOCUMENT_BYTES_MAX}, "the limit is 1048576"),
    ],
)
def test_a_body_that_is_not_plain_json_within_limits_is_refused(body: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidDocument, match=reason):
        encode_body("h1", body)


def test_a_body_just_within_the_limit_of_size_is_accepted() -> None:
    body = {"text": "x" * (DOCUMENT_BYTES_MAX - len('{"text":""}'))}
    assert len(encode_body("h1", body)) == DOCUMENT_BYTES_MAX


@pytest.mark.parametrize("name", ["", "Handovers", "a-b", "a.b", "1a", 'a"; DROP TABLE x', "a" * 49])
async def test_collection_names_follow_one_grammar(store: DocumentStore, name: str) -> None:
    with pytest.raises(InvalidQuery, match="collection"):
        await store.get(name, "h1")


@pytest.mark.parametrize("document_id", ["", "a\0b", "\ud800", "é" * (ID_BYTES_MAX // 2 + 1)])
async def test_ids_are_short_texts_without_nul(store: DocumentStore, document_id: str) -> None:
    with pytest.raises(InvalidQuery, match="document id"):
        await store.put("handovers", document_id, {}, expected_version=0)


@pytest.mark.parametrize("fields", [[], ["a", "a"], ["a b"], ['a"'], ["a..b"], ["_id"], list("abcdefg")])
async def test_index_fields_follow_one_grammar(store: DocumentStore, fields: list[str]) -> None:
    with pytest.raises(InvalidQuery):
        await store.ensure_index("handovers", fields)


async def test_only_indexed_fields_can_be_found_and_sorted_by(store: DocumentStore) -> None:
    with pytest.raises(InvalidQuery, match="'due' is in no index"):
        await store.find("handovers", [Equal("queue", "a"), Between("due", below=3)])
    with pytest.raises(InvalidQuery, match="'due' is in no index"):
        await store.find("handovers", sort=[Sort("due")])
    with pytest.raises(InvalidQuery, match="'due' is in no index"):
        await store.count("handovers", [Equal("due", 1)])


async def test_pages_counts_lists_and_batches_are_bounded(store: DocumentStore) -> None:
    for limit in (0, PAGE_DOCUMENTS_MAX + 1):
        with pytest.raises(InvalidQuery, match="limit"):
            await store.find("handovers", limit=limit)
    with pytest.raises(InvalidQuery, match="at_most"):
        await store.count("handovers", at_most=COUNT_MAX + 1)
    with pytest.raises(InvalidQuery, match="values of queue"):
        await store.find("handovers", [OneOf("queue", ["x"] * (ONE_OF_MAX + 1))])
    with pytest.raises(InvalidQuery, match="conditions"):
        await store.find("handovers", [Equal("queue", "x")] * 17)
    with pytest.raises(InvalidQuery, match="writes in a batch"):
        await store.put_many("handovers", [Write(str(n), {}, 0) for n in range(BATCH_WRITES_MAX + 1)])
    with pytest.raises(InvalidQuery, match="each document once"):
        await store.put_many("handovers", [Write("a", {}, 0), Write("a", {}, 1)])
    with pytest.raises(InvalidQuery, match="expected version"):
        await store.put("handovers", "a", {}, expected_version=-1)
    with pytest.raises(InvalidQuery, match="by"):
        await store.increment("handovers", "a", "n", by=2**60)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, "a\0b"])
async def test_an_indexed_field_holds_one_plain_value(store: DocumentStore, value: object) -> None:
    with pytest.raises(InvalidDocument, match="indexed field queue"):
        await store.put("handovers", "h1", {"queue": value}, expected_version=0)


@pytest.mark.parametrize("body", [{}, {"key": None}])
async def test_a_field_of_a_unique_index_cannot_be_missing(store: DocumentStore, body: dict[str, object]) -> None:
    with pytest.raises(InvalidDocument, match="field key of a unique index is missing"):
        await store.put("keyed", "a", body, expected_version=0)


async def test_a_collection_with_a_unique_index_has_no_counters(store: DocumentStore) -> None:
    with pytest.raises(InvalidQuery, match="no counters"):
        await store.increment("keyed", "a", "n", by=1)


async def test_a_counter_cannot_grow_inside_an_indexed_field(store: DocumentStore) -> None:
    with pytest.raises(InvalidQuery, match="indexed field queue"):
        await store.increment("handovers", "a", "queue.n", by=1)


async def test_an_increment_cannot_break_what_a_put_may_not_write(store: DocumentStore) -> None:
    await store.put("handovers", "a", {"n": 2**63 - 1}, expected_version=0)
    with pytest.raises(InvalidDocument, match="64 bits"):
        await store.increment("handovers", "a", "n", by=1)


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", "W10", "bnVsbA", "WyJhIiwgW11d", "[" * 9000, "W1tbW1tb" * 500])
async def test_a_cursor_that_is_not_ours_is_refused(store: DocumentStore, cursor: str) -> None:
    with pytest.raises(InvalidQuery, match="cursor"):
        await store.find("handovers", cursor=cursor)


async def test_a_cursor_belongs_to_its_query(store: DocumentStore) -> None:
    for name in "abc":
        await store.put("handovers", name, {"queue": name}, expected_version=0)
    cursor = (await store.find("handovers", limit=1)).next_cursor
    with pytest.raises(InvalidQuery, match="not one of this query"):
        await store.find("handovers", [Equal("queue", "a")], limit=1, cursor=cursor)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://h/1",
        "sqlite://host/x",
        "sqlite:///",
        "sqlite:///x?mode=ro",
        "sqlite:///x?synchronous=off",
        "mongodb://127.0.0.1:1",
        "mongodb://",
    ],
)
async def test_a_url_of_another_form_is_refused_with_the_form_expected(url: str) -> None:
    with pytest.raises(InvalidQuery, match="store URL"):
        await open_store(url)
