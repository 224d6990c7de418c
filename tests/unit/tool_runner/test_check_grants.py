"""Who may call what, and is that decided as a naive model would?"""

import random
import re
from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from tool_runner.domain.check_grants import Allowed, CallFacts, Denied, lacks, permission_of
from tool_runner.domain.condition import is_false, is_true
from tool_runner.domain.grants import Grant
from tool_runner.domain.manifest import Json

REFUND = CallFacts(
    tool="shop.refund",
    arguments={"amount": 50, "reason": "broken"},
    tenant="acme",
    workflow="returns",
    node="pay",
    agent="clerk",
    entity="e1",
)
ANYBODY = Grant("anybody", ("shop.*",))
NOTHING: frozenset[str] = frozenset()


def call(**fields: object) -> CallFacts:
    facts = {name: getattr(REFUND, name) for name in CallFacts.__slots__}
    return CallFacts(**{**facts, **fields})  # type: ignore[arg-type]


def test_without_a_grant_everything_is_denied() -> None:
    assert permission_of(REFUND, (), NOTHING) == Denied("none of 0 grants names it")


def test_a_grant_that_matches_allows_and_is_named() -> None:
    other = Grant("other", ("crm.*",))
    assert permission_of(REFUND, (other, ANYBODY), NOTHING) == Allowed(("anybody",))


@pytest.mark.parametrize("place", ["agents", "workflows", "nodes", "tenants", "entities"])
def test_every_list_must_match(place: str) -> None:
    grant = Grant("narrow", ("shop.*",), **{place: ("somebody-else", "another*")})
    denied = permission_of(REFUND, (grant,), NOTHING)
    assert isinstance(denied, Denied)
    assert "narrow: " in denied.reason and "not one of somebody-else, another*" in denied.reason


@pytest.mark.parametrize(("patterns", "holds"), [(("*",), True), (("?*",), False), (("**",), False), (("",), False)])
def test_a_call_without_an_agent_is_matched_by_the_star_alone(patterns: tuple[str, ...], holds: bool) -> None:
    for nobody in (None, ""):
        permission = permission_of(call(agent=nobody), (Grant("g", ("shop.*",), agents=patterns),), NOTHING)
        assert isinstance(permission, Allowed) is holds


@pytest.mark.parametrize(
    ("condition", "arguments", "holds"),
    [
        ("amount <= `100`", {"amount": 100}, True),
        ("amount <= `100`", {"amount": 100.01}, False),
        ("amount <= `100`", {}, False),
        ("amount <= `100`", {"amount": "5"}, False),
        ("amount <= `100`", {"amount": None}, False),
        ("!(amount > `100`)", {"amount": 5}, True),
        ("contains(reason, 'broken')", {"reason": "it is broken"}, True),
        ("contains(reason, 'broken')", {"reason": 7}, False),
        ("reason", {"reason": "yes"}, False),
        ("amount", {"amount": 1}, False),
        ("abs(reason)", {"reason": "x"}, False),
        ("length(orders) < `3`", {"orders": [1, 2]}, True),
        ("not_a_function(amount)", {"amount": 1}, False),
    ],
)
def test_a_constraint_must_be_true_and_nothing_like_it(
    condition: str, arguments: Mapping[str, object], holds: bool
) -> None:
    permission = permission_of(call(arguments=arguments), (Grant("g", ("shop.*",), when=(condition,)),), NOTHING)
    assert isinstance(permission, Allowed) is holds


def test_a_denial_says_which_constraint_and_no_value() -> None:
    grant = Grant("small", ("shop.*",), when=("amount <= `10`", "reason == 'secret word'"))
    denied = permission_of(REFUND, (grant,), NOTHING)
    assert denied == Denied("no grant allows it (small: not true of the arguments: amount <= `10`)")
    assert list(lacks(REFUND, grant)) == [
        "not true of the arguments: amount <= `10`",
        "not true of the arguments: reason == 'secret word'",
    ]


def test_permissions_of_all_grants_that_hold_add_up() -> None:
    read, pay = (
        Grant("r", ("shop.*",), permissions=frozenset({"read"})),
        Grant("p", ("*",), permissions=frozenset({"pay"})),
    )
    elsewhere = Grant("e", ("crm.*",), permissions=frozenset({"admin"}))
    grants = (read, pay, elsewhere)
    assert permission_of(REFUND, grants, frozenset({"read", "pay"})) == Allowed(("r", "p"))
    denied = permission_of(REFUND, grants, frozenset({"read", "admin"}))
    assert denied == Denied("it requires admin, which r, p does not give")


def test_a_denial_names_few_grants_of_many() -> None:
    grants = [Grant(f"g{number}", ("shop.*",), agents=("x",)) for number in range(50)]
    denied = permission_of(REFUND, grants, NOTHING)
    assert isinstance(denied, Denied)
    assert denied.reason.endswith("; and 47 more)")
    assert len(denied.reason) < 400


# The naive model: regular expressions and Python instead of patterns and JMESPath, no short ways.
LISTS = ("tools", "agents", "workflows", "nodes", "tenants", "entities")
CONSTRAINTS = {
    "amount <= `100`": lambda found: _is_number(found.get("amount")) and found["amount"] <= 100,
    "amount > `0`": lambda found: _is_number(found.get("amount")) and found["amount"] > 0,
    "currency == 'EUR'": lambda found: found.get("currency") == "EUR",
    "contains(['a', 'b'], kind)": lambda found: found.get("kind") in ("a", "b"),
}
WORDS = {
    "tools": ["shop.refund", "shop.look", "shop2.look", "crm.look", "crm.notes.add"],
    "agents": ["clerk", "clerk2", "boss", None],
    "workflows": ["returns", "sales", ""],
    "nodes": ["pay", "look", "payout"],
    "tenants": ["acme", "acme-2", "zeta"],
    "entities": ["e1", "e2", "E1", None],
}
PATTERNS = {
    "tools": ["*", "shop.*", "*.look", "crm.*", "shop.refund", "s*d", "nothing.*"],
    "agents": ["*", "clerk", "clerk?", "c*", "boss"],
    "workflows": ["*", "returns", "s*"],
    "nodes": ["*", "pay", "pay*", "l??k"],
    "tenants": ["*", "acme", "acme*", "zeta"],
    "entities": ["*", "e1", "e?", "E*"],
}
RIGHTS = ["read", "pay", "admin"]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def naive(call: CallFacts, grants: Sequence[Grant], required: frozenset[str]) -> bool:
    given = dict(zip(LISTS, (call.tool, call.agent, call.workflow, call.node, call.tenant, call.entity), strict=True))
    rights: set[str] = set()
    some = False
    for grant in grants:
        fits = True
        for name in LISTS:
            fits &= any(_fits(given[name], pattern) for pattern in getattr(grant, name))
        for condition in grant.when:
            fits &= bool(CONSTRAINTS[condition](call.arguments))
        if fits:
            some = True
            rights |= grant.permissions
    return some and all(right in rights for right in required)


@cache
def _fits(value: str | None, pattern: str) -> bool:
    if not value:
        return pattern == "*"
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value) is not None


def generated_grants(drawn: random.Random) -> list[Grant]:
    return [
        Grant(
            name=f"g{number}",
            **{
                name: tuple(drawn.sample(PATTERNS[name], k=drawn.choice([1, 1, 2])))
                if name == "tools" or drawn.random() < 0.4
                else ("*",)
                for name in LISTS
            },
            permissions=frozenset(drawn.sample(RIGHTS, k=drawn.randrange(3))),
            when=tuple(drawn.sample(list(CONSTRAINTS), k=drawn.choice([0, 0, 1, 2]))),
        )
        for number in range(drawn.randrange(7))
    ]


def generated_call(drawn: random.Random) -> CallFacts:
    words = {name: drawn.choice(WORDS[name]) for name in LISTS}
    arguments = {
        "amount": drawn.choice([-1, 0, 5, 100, 100.5, "5", None, True]),
        "currency": drawn.choice(["EUR", "USD", None]),
        "kind": drawn.choice(["a", "c"]),
    }
    return CallFacts(
        tool=words["tools"] or "",
        arguments={name: value for name, value in arguments.items() if drawn.random() < 0.9},  # type: ignore[arg-type]
        tenant=words["tenants"] or "",
        workflow=words["workflows"] or "",
        node=words["nodes"] or "",
        agent=words["agents"],
        entity=words["entities"],
    )


@pytest.mark.parametrize("seed", range(4))
def test_twenty_five_thousand_decisions_are_those_of_the_naive_model(seed: int) -> None:
    drawn = random.Random(seed)
    allowed = 0
    for _ in range(500):
        grants = generated_grants(drawn)
        for _ in range(50):
            one, required = generated_call(drawn), frozenset(drawn.sample(RIGHTS, k=drawn.choice([0, 0, 1, 2])))
            decided = isinstance(permission_of(one, grants, required), Allowed)
            assert decided is naive(one, grants, required), (one, grants, required)
            allowed += decided
    assert 2_000 < allowed < 23_000, "the matrix must hold many of both"


@pytest.mark.parametrize(
    "condition",
    [
        "amount > `100` || notify == `true`",
        "!(amount > `100`)",
        "length(items[?price > `100`]) > `0`",
        "amount > `100` && notify == `false`",
    ],
)
@pytest.mark.parametrize("amount", [None, [500], True, "500"])
def test_what_cannot_be_compared_is_neither_true_nor_false_whatever_stands_around_it(
    condition: str, amount: object
) -> None:
    values: Json = {"amount": amount, "notify": False, "items": [{"price": amount}]}  # type: ignore[dict-item]
    assert not is_true(condition, values)
    assert not is_false(condition, values)


@pytest.mark.parametrize("amount", [None, [500], True, "500"])
def test_the_other_side_decides_where_it_can_alone(amount: object) -> None:
    values: Json = {"amount": amount, "notify": True}  # type: ignore[dict-item]
    for condition in ("amount > `100` || notify", "notify == `true` || amount > `100`", "!(amount > `1` && !notify)"):
        assert is_true(condition, values), condition
    for condition in ("amount > `100` && !notify", "!notify && amount > `100`", "!(amount > `1` || notify)"):
        assert is_false(condition, values), condition


def test_a_comparison_that_nobody_asks_for_is_none() -> None:
    guarded = "type(amount) == 'number' && amount > `100`"
    assert is_false(guarded, {"amount": None})
    assert is_true(guarded, {"amount": 101})
