"""A human has raised a cap: how does it come into force?"""

from contracts.budgets import BudgetRaised, RaiseBudget
from contracts.envelope import Identity, derive_message_id
from cost_gate import AMOUNT_MICRODOLLARS_MAX
from cost_ledger import SCOPES, WINDOWS
from llm_gateway.handlers.gateway import Gateway
from service_kit.bus import Delivery
from service_kit.errors import Unprocessable

ID_CHARACTERS_MAX = 256


async def raise_budget(delivery: Delivery, gateway: Gateway) -> None:
    """Put the cap in force and say so; once in effect, however often it is delivered. Raises RetryLater, Unprocessable
    for a scope that is none, or another tenant's."""
    command, place = delivery.message, delivery.subject
    assert isinstance(command, RaiseBudget)
    key = (place.tenant, command.scope, _own_id(command, place.tenant))
    cap = await gateway.budgets.raise_cap(key, command.window, command.cap_microdollars)
    fact = BudgetRaised(
        command_id=delivery.entry.id,
        scope=command.scope,
        scope_id=command.scope_id,
        window=command.window,
        cap_microdollars=cap,
        execution_id=command.execution_id,
        node=command.node,
    )
    message_id = derive_message_id(delivery.entry.id, fact.route.type)
    await gateway.publish(fact, Identity(place.tenant, place.key, message_id, caused_by=delivery.entry.id))


def _own_id(command: RaiseBudget, tenant: str) -> str:
    """The id within the tenant: `budget.exhausted` names scopes with their tenant before them."""
    if command.scope not in SCOPES or command.window not in WINDOWS:
        raise Unprocessable(f"scope {command.scope[:40]!r} or window {command.window[:40]!r} is unknown")
    if command.cap_microdollars > AMOUNT_MICRODOLLARS_MAX:
        raise Unprocessable(f"cap_microdollars is {command.cap_microdollars}, over the limit {AMOUNT_MICRODOLLARS_MAX}")
    owner, slash, identity = command.scope_id.partition("/")
    if not slash or owner != tenant or not 0 < len(identity) <= ID_CHARACTERS_MAX:
        raise Unprocessable(f"scope_id {command.scope_id[:80]!r} is not `{tenant}/<id>` with 1..{ID_CHARACTERS_MAX}")
    return identity
