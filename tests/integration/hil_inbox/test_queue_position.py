"""Is the place that a customer is told the one in which people find them?"""

from pathlib import Path

from document_store import Write, open_store
from hil_inbox.adapters.customer_documents import CustomerDocuments
from hil_inbox.adapters.view_store import ViewStore

LATE, NOW = 9_007_199_254_740_991, 1_800_000_000_000
ROWS = {  # due, rank, opened
    "due-first": (NOW, 3, NOW),
    "urgent": (LATE, 0, NOW + 3),
    "older": (LATE, 2, NOW + 1),
    "newer": (LATE, 2, NOW + 2),
    "low": (LATE, 3, NOW),
}


def row(place: tuple[int, int, int], **fields: object) -> dict[str, object]:
    body = {"tenant": "acme", "queue": "general", "state": "waiting", "owner_id": None, "kind": "handover", "key": "c"}
    more = {"team": None, "skills": [], "epoch": 0, "as_of_seq": 1}
    return {**body, **more, **dict(zip(("due_ms", "rank", "opened_ms"), place, strict=True)), **fields}


async def test_a_customers_place_is_the_one_in_the_list_of_the_desks(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/places.sqlite3")
    await ViewStore(store).prepare()
    elsewhere = {
        "done": row((1, 0, 1), state="done"),
        "owned": row((1, 0, 1), state="assigned", owner_id="ana"),
        "of another queue": row((1, 0, 1), queue="sales"),
        "of another tenant": row((1, 0, 1), tenant="other"),
    }
    rows = {name: row(place) for name, place in ROWS.items()} | elsewhere
    await store.put_many("queue", [Write(id_, body, expected_version=0) for id_, body in rows.items()])
    where = {"tenant": "acme", "queue": "general", "state": "waiting"}
    listed = await ViewStore(store).find("queue", where, limit=10, cursor=None)
    in_order = [document.id for document in listed.documents]
    assert in_order == list(ROWS)
    documents = CustomerDocuments(store)
    assert [await documents.place("acme", id_) for id_ in in_order] == [1, 2, 3, 4, 5]
    assert [await documents.place("acme", id_) for id_ in (*elsewhere, "nobody")] == [None, None, 1, None, None]
    await store.close()
