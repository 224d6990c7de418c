"""Which questions do services ask of a document store, and which answers must every adapter give?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from document_store import Between, Condition, Direction, DocumentStore, Equal, OneOf, Page, Sort

Shape: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
"""The kinds of the conditions, and the directions of the sort."""
NEVER_MS = 2**53 - 1
LAST = "\U0010ffff"
INDEXES = (
    ("tenant", "state", "due", "rank", "opened"),
    ("tenant", "queue", "owner", "kind", "team"),
    ("tenant", "word", "at"),
)


def _row(state: str, owner: str | None, numbers: tuple[int, int, int], word: str, **more: object) -> dict[str, object]:
    due, rank, opened = numbers
    row = {"tenant": "acme", "kind": "handover", "queue": "shop", "state": state, "owner": owner}
    return {**row, "due": due, "rank": rank, "opened": opened, "at": opened, "word": word, "team": None, **more}


ROWS: dict[str, dict[str, object]] = {
    "a": _row("waiting", None, (5, 1, 30), "order"),
    "b": _row("waiting", None, (5, 0, 40), "orderly"),
    "c": _row("waiting", None, (NEVER_MS, 0, 10), "orde"),
    "d": _row("assigned", "ana", (3, 2, 20), "ordz", team="blue"),
    "e": _row("snoozed", "ana", (NEVER_MS, 2, 50), "ören"),
    "f": _row("assigned", "bo", (5, 1, 30), "order 🙂", team="red"),
    "g": _row("waiting", None, (1, 0, 5), "zoo", queue="", kind="approval"),
    "h": _row("waiting", None, (5, 1, 30), "order", tenant="globex"),
}
HERE, SHOP, WAITING = Equal("tenant", "acme"), Equal("queue", "shop"), Equal("state", "waiting")
ANA, HANDOVER, OURS = Equal("owner", "ana"), Equal("kind", "handover"), OneOf("owner", ("ana", "bo"))
URGENT = (Sort("due"), Sort("rank"), Sort("opened"))
NEWEST = (Sort("at", Direction.DESCENDING),)


def shape_of(where: Sequence[Condition], sort: Sequence[Sort]) -> Shape:
    """Which fields are asked for does not matter; in which way does."""
    return tuple(sorted({_kind(condition) for condition in where})), tuple(key.direction.value for key in sort)


def _kind(condition: Condition) -> str:
    match condition:
        case Equal(value=value):
            return "equal null" if value is None else "equal"
        case OneOf(values=values):
            return "one of" if values else "one of none"
        case Between(at_least=at_least, below=below):
            return f"between {at_least is not None} {below is not None}"


@dataclass(frozen=True, slots=True)
class Question:
    """A find (and the same count), and the ids that it gives, in order."""

    where: Sequence[Condition]
    sort: Sequence[Sort]
    expected: str

    @property
    def shape(self) -> Shape:
        return shape_of(self.where, self.sort)


QUESTIONS = (
    Question([HERE], (), "abcdefg"),
    Question([HERE, ANA], (), "de"),
    Question([HERE], (Sort("opened"),), "gcdafbe"),
    Question([HERE], NEWEST, "ebfadcg"),
    Question([HERE], (Sort("rank"), Sort("opened")), "gcbafde"),
    Question([HERE, OneOf("state", ["waiting"])], (Sort("rank"), Sort("opened")), "gcba"),
    Question([HERE, ANA], NEWEST, "ed"),
    Question([HERE, ANA], (Sort("opened"),), "de"),
    Question([HERE, SHOP, WAITING], (Sort("opened"),), "cab"),
    # The queue, by each of its filters and by all of them.
    Question([HERE], URGENT, "gdbafce"),
    Question([HERE, HANDOVER], URGENT, "dbafce"),
    Question([HERE, OneOf("state", ["waiting", "assigned"])], URGENT, "gdbafc"),
    Question([HERE, Equal("owner", None)], URGENT, "gbac"),
    Question([HERE, OneOf("state", ["waiting"]), Equal("owner", None)], URGENT, "gbac"),
    Question([HERE, SHOP, WAITING], URGENT, "bac"),
    Question([HERE, OneOf("state", ["assigned", "snoozed"]), OURS], URGENT, "dfe"),
    Question([HERE, HANDOVER, SHOP, OneOf("state", ["waiting"]), Equal("owner", None)], URGENT, "bac"),
    Question([HERE, HANDOVER, SHOP, Equal("team", "blue"), OneOf("state", ["assigned"]), ANA], URGENT, "d"),
    Question([HERE, Equal("queue", "")], URGENT, "g"),
    Question([HERE, Equal("queue", "sh\0op")], URGENT, ""),
    # What is counted.
    Question([HERE, SHOP, WAITING], (), "abc"),
    Question([HERE, SHOP, HANDOVER, WAITING], (), "abc"),
    Question([HERE, WAITING, OneOf("team", ())], (), ""),
    Question([HERE, Equal("state", "assigned"), OneOf("team", ("blue", "red"))], (), "df"),
    Question([HERE, SHOP, OneOf("state", ("waiting", "assigned")), Between("due", below=5)], (), "d"),
    Question([HERE, SHOP, HANDOVER, WAITING, Between("opened", below=40)], (), "ac"),
    # Words by their beginning, and lines from a place on.
    Question([HERE, Equal("word", "order")], NEWEST, "a"),
    Question([HERE, Between("word", at_least="order", below="order" + LAST)], NEWEST, "bfa"),
    Question([HERE, Between("word", at_least="ö", below="ö" + LAST)], NEWEST, "e"),
    Question([HERE, SHOP, Between("at", at_least=20, below=40)], NEWEST, "fad"),
    Question([HERE, Between("at", at_least=20)], NEWEST, "ebfad"),
    Question([HERE, ANA, Between("at", at_least=30)], NEWEST, "e"),
    Question([HERE, ANA, SHOP, Between("at", at_least=20)], NEWEST, "ed"),
    # What has expired.
    Question([Between("due", below=NEVER_MS)], (), "abdfgh"),
)
ASKED = frozenset(question.shape for question in QUESTIONS)


class AskedOnly:
    """A store that gives a service only answers to questions of the conformance suite."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self.get, self.put, self.put_many = store.get, store.put, store.put_many
        self.delete, self.increment = store.delete, store.increment
        self.ensure_index, self.ensure_unique_index = store.ensure_index, store.ensure_unique_index
        self.ping, self.close = store.ping, store.close

    async def find(
        self,
        collection: str,
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[Sort] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        self._known(collection, where, sort)
        return await self._store.find(collection, where, sort=sort, limit=limit, cursor=cursor)

    async def count(self, collection: str, where: Sequence[Condition] = (), *, at_most: int = 10_000) -> int:
        self._known(collection, where, ())
        return await self._store.count(collection, where, at_most=at_most)

    def _known(self, collection: str, where: Sequence[Condition], sort: Sequence[Sort]) -> None:
        shape = shape_of(where, sort)
        assert shape in ASKED, f"{collection}: add {where} {sort} to tests/support/store_questions.py"
