"""How much work may it be to compare values with a schema, at most?

A schema from outside is a stranger's: with references it can ask for 2^30 comparisons of one value in a few lines, and
nothing can cut a validator that is at it. So the work is counted before."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from pydantic import JsonValue

from json_schema.references import References, Schema, SchemaTooCostly, references_of

VALUE_DEPTH_MAX = 64
EDGES_MAX = 20_000
STEPS_MAX = 150_000
"""Of counting itself: some 2 us each."""
WORK_PER_VALUE_MAX = 20_000
BACKTRACKING_WORK = 50
"""Of a pattern that is no regular expression in the strict sense; its steps are limited where it is compiled."""
_DRAFT_WORK = 1_000
_CHARACTERS_OF_ONE = 50
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_OF_THE_VALUE = ("not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies")
_OF_EVERY_CHILD = ("patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames")
_OF_EVERY_ITEM = ("items", "additionalItems", "unevaluatedItems", "contains")
_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})


@dataclass(frozen=True, slots=True)
class _Node:
    """One schema: its own work, and what it applies to the value (one of each list: where a reference may lead), to
    a child by name, and to every child (`children` are both)."""

    own: int
    same: list[list[int]]
    named: list[int]
    unnamed: list[int]
    children: frozenset[int]

    @property
    def all_same(self) -> Iterator[int]:
        return chain.from_iterable(self.same)


@dataclass(slots=True)
class _Graph:
    """The schemas that are used, by number; in `order`, what a schema applies to the same value comes before it."""

    references: References
    is_linear: Callable[[str], bool]
    nodes: dict[int, _Node] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    done: set[int] = field(default_factory=set)
    edges: int = 0
    steps: int = 0

    def add_all(self, root: Schema) -> None:
        waiting = [root]
        while waiting:
            schema = waiting.pop()
            if id(schema) not in self.nodes:
                waiting += self._add(schema)
        for number in list(self.nodes):
            self._put_in_order(number)

    def _add(self, schema: Schema) -> list[Schema]:
        targets = [self.references.targets(schema, word) for word in _REFERENCES if word in schema]
        same = [*targets, *([one] for one in _schemas(schema, _OF_THE_VALUE))]
        named = _schemas(schema, ("properties", "prefixItems"))
        unnamed = _schemas(schema, (*_OF_EVERY_CHILD, *_OF_EVERY_ITEM))
        self.edges += sum(map(len, same)) + len(named) + len(unnamed)
        if self.edges > EDGES_MAX:
            raise SchemaTooCostly(f"its parts apply each other in more than {EDGES_MAX} ways")
        unseen = _DRAFT_WORK * sum(not several for several in targets)
        self.nodes[id(schema)] = _Node(
            own=1 + unseen + _own_work(schema, self.is_linear),
            same=[[id(one) for one in several] for several in same],
            named=[id(one) for one in named],
            unnamed=[id(one) for one in unnamed],
            children=frozenset(id(one) for one in (*named, *unnamed)),
        )
        return [*chain.from_iterable(same), *named, *unnamed]

    def _put_in_order(self, start: int) -> None:
        """What a schema applies to the same value comes before it. Raises SchemaTooCostly for a circle of them."""
        if start in self.done:
            return
        open_now = {start}
        waiting = [(start, self.nodes[start].all_same)]
        while waiting:
            number, rest = waiting[-1]
            following = next((one for one in rest if one not in self.done), None)
            if following is None:
                waiting.pop()
                open_now.discard(number)
                self.done.add(number)
                self.order.append(number)
            elif following in open_now:
                raise SchemaTooCostly("it applies itself to the same value without end")
            else:
                open_now.add(following)
                waiting.append((following, self.nodes[following].all_same))

    def deepen(self, found: dict[int, int], changed: set[int]) -> set[int]:
        """Count for values that are nested one deeper than in `found`, the work of each schema along the way to one
        innermost value. `changed` and the answer are the schemas whose work is more than one level before."""
        below, now = dict(found), set[int]()
        for number in self.order:
            node = self.nodes[number]
            if number in below and changed.isdisjoint(node.children) and now.isdisjoint(node.all_same):
                continue
            self.steps += 1 + len(node.named) + len(node.unnamed) + sum(map(len, node.same))
            if self.steps > STEPS_MAX:
                raise SchemaTooCostly(f"to count its comparisons takes more than {STEPS_MAX} steps")
            same = sum(max((found[one] for one in several), default=0) for several in node.same)
            child = max((below.get(one, 0) for one in node.named), default=0)
            child += sum(below.get(one, 0) for one in node.unnamed)
            found[number] = min(node.own + same + child, WORK_PER_VALUE_MAX + 1)
            if found[number] != below.get(number):
                now.add(number)
        return now


def work_per_value(document: Schema, is_linear: Callable[[str], bool]) -> int:
    """How often, at most, schemas are compared along the way from the root to one value in it. Raises
    SchemaTooCostly. `is_linear` tells of a pattern whether it needs no backtracking."""
    graph = _Graph(references_of(document), is_linear)
    graph.add_all(document)
    found, changed = dict[int, int](), set[int]()
    for _ in range(VALUE_DEPTH_MAX):
        changed = graph.deepen(found, changed)
        if found[id(document)] > WORK_PER_VALUE_MAX:
            raise SchemaTooCostly(f"more than {WORK_PER_VALUE_MAX} comparisons of one value")
        if not changed:
            break
    return found[id(document)]


def size_of(value: JsonValue) -> int | None:
    """How much there is to compare; None for what is nested deeper than VALUE_DEPTH_MAX."""
    size, waiting = 0, [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > VALUE_DEPTH_MAX:
            return None
        size += 1
        if isinstance(one, str):
            size += len(one) // _CHARACTERS_OF_ONE
        elif isinstance(one, dict):
            size += sum(1 + len(name) // _CHARACTERS_OF_ONE for name in one)
            waiting += [(child, depth + 1) for child in one.values()]
        elif isinstance(one, list):
            waiting += [(child, depth + 1) for child in one]
    return size


def _own_work(schema: Schema, is_linear: Callable[[str], bool]) -> int:
    listed = sum(_values_in(schema[word]) for word in ("enum", "const") if word in schema)
    names = sum(len(one) for word in ("properties", "required") if isinstance(one := schema.get(word), dict | list))
    patterns = [one for one in (schema.get("pattern"),) if isinstance(one, str)]
    if isinstance(by_pattern := schema.get("patternProperties"), dict):
        if backtracking := next((one for one in by_pattern if not is_linear(one)), None):
            # Given up after its limit it would count as not matching: a name could evade its schema.
            raise SchemaTooCostly(f"patternProperties {backtracking[:80]!r} needs backtracking")
        patterns += by_pattern
    return listed + names // 8 + sum(1 if is_linear(one) else BACKTRACKING_WORK for one in patterns)


def _values_in(value: JsonValue) -> int:
    count, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
    return count


def _schemas(schema: Schema, words: Iterable[str]) -> list[Schema]:
    """What stands there alone, in a list, or by name; true and false are no work."""
    found = list[Schema]()
    for word in words:
        if word not in schema:
            continue
        there = schema[word]
        several = [there]
        if isinstance(there, list):
            several = there
        elif isinstance(there, dict) and word in (
            "properties",
            "patternProperties",
            "dependentSchemas",
            "dependencies",
        ):
            several = list(there.values())
        found += [one for one in several if isinstance(one, dict)]
    return found
