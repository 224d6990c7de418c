"""Which caps count for a call?"""

from contracts.completions import Cap
from cost_ledger import Caps, Payer, applied_caps


def call(*caps: Cap, entity: str | None = None, workflow: str | None = None, tool: str | None = None) -> Payer:
    return Payer("acme", "e1", entity, workflow, caps, tool)


def applied(of: Payer, budgets: dict[tuple[str, str, str], Caps]) -> dict[tuple[str, str, str], int | None]:
    found = applied_caps(of, budgets, execution_cap_microdollars=77)
    return {(cap.scope, cap.id, cap.window): cap.cap_microdollars for cap in found}


def test_a_call_that_nothing_limits_has_the_default_cap_of_its_execution() -> None:
    assert applied(call(), {}) == {("execution", "e1", "total"): 77}


def test_a_call_of_a_tool_counts_against_the_cap_of_the_tool() -> None:
    budgets: dict[tuple[str, str, str], Caps] = {("acme", "tool", "shop.pay"): {"day": 10}}
    assert applied(call(tool="shop.pay"), budgets) == {("tool", "shop.pay", "day"): 10}
    assert applied(call(tool="shop.look"), budgets) == {("execution", "e1", "total"): 77}


def test_tenant_entity_and_workflow_count_in_every_window_that_is_set() -> None:
    budgets: dict[tuple[str, str, str], Caps] = {
        ("acme", "tenant", "acme"): {"day": 10, "month": 100},
        ("acme", "entity", "u1"): {"hour": 5},
        ("acme", "workflow", "returns"): {"total": None},
        ("other", "entity", "u1"): {"hour": 1},
    }
    assert applied(call(entity="u1", workflow="returns"), budgets) == {
        ("tenant", "acme", "day"): 10,
        ("tenant", "acme", "month"): 100,
        ("entity", "u1", "hour"): 5,
        ("workflow", "returns", "total"): None,
    }


def test_a_scope_without_a_cap_of_its_own_has_that_of_its_kind() -> None:
    budgets: dict[tuple[str, str, str], Caps] = {
        ("acme", "entity", "*"): {"hour": 5, "day": 9},
        ("acme", "entity", "u1"): {"hour": None},
    }
    assert applied(call(entity="u2"), budgets) == {("entity", "u2", "hour"): 5, ("entity", "u2", "day"): 9}
    assert applied(call(entity="u1"), budgets) == {("entity", "u1", "hour"): None, ("entity", "u1", "day"): 9}


def test_what_a_command_declares_a_human_can_raise_and_not_lower() -> None:
    declared = Cap(scope="execution", id="e1", cap_microdollars=10)
    raised: dict[tuple[str, str, str], Caps] = {("acme", "execution", "e1"): {"total": 50}}
    lowered: dict[tuple[str, str, str], Caps] = {("acme", "execution", "e1"): {"total": 5}}
    assert applied(call(declared), raised) == {("execution", "e1", "total"): 50}
    assert applied(call(declared), lowered) == {("execution", "e1", "total"): 10}
    assert applied(call(declared), {("acme", "execution", "e1"): {"total": None}}) == {
        ("execution", "e1", "total"): None
    }


def test_no_command_passes_the_bound_of_who_pays() -> None:
    budgets: dict[tuple[str, str, str], Caps] = {("acme", "tenant", "acme"): {"total": 10}}
    for declared, expected in ((100, 10), (None, 10), (3, 3)):
        cap = Cap(scope="tenant", id="acme", cap_microdollars=declared)
        assert applied(call(cap), budgets) == {("tenant", "acme", "total"): expected}
    uncapped: dict[tuple[str, str, str], Caps] = {("acme", "tenant", "acme"): {"total": None}}
    assert applied(call(Cap(scope="tenant", id="acme", cap_microdollars=3)), uncapped) == {
        ("tenant", "acme", "total"): 3
    }
