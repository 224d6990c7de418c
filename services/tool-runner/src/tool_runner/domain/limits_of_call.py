"""Which quotas and rates does a call of a tool count against?"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from contracts.completions import Cap
from cost_gate.quotas import Quota as GateQuota
from cost_gate.rates import Rate, RateKind
from cost_gate.scopes import Window
from cost_ledger.applied_caps import Payer
from tool_runner.domain.manifest import Quota, QuotaPer, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingCall:
    """A call that is allowed, as far as money and limits go. `key` and `command_id` are those of its command, `seconds`
    is what is left until its deadline."""

    tenant: str
    key: str
    command_id: str
    tool: Tool
    seconds: float
    agent: str | None = None
    workflow: str = ""
    node: str = ""
    execution_id: str | None = None
    entity: str | None = None
    caps: tuple[Cap, ...] = ()

    @property
    def is_free(self) -> bool:
        """Nothing about it is counted."""
        rules = self.tool.rules
        limits = (rules.quotas, rules.rate_limit_rpm, rules.concurrent_max)
        return not rules.cost_microdollars and not any(limits)

    @property
    def payer(self) -> Payer:
        """On whose account it is made."""
        execution = self.execution_id or self.key
        return Payer(self.tenant, execution, self.entity, self.workflow or None, self.caps, self.tool.name)


def quotas_of(call: SpendingCall) -> Mapping[GateQuota, Quota]:
    """Each declared quota, by the one that the gate counts."""
    return {
        GateQuota(_counted_as(call, quota.per), quota.calls_max, Window(quota.window)): quota
        for quota in call.tool.rules.quotas
    }


def rates_of(call: SpendingCall) -> tuple[Rate, ...]:
    """How often, and how many at once, all callers together."""
    rules = call.tool.rules
    if rules.rate_limit_rpm is None and rules.concurrent_max is None:
        return ()
    return (Rate(RateKind.TOOL, call.tool.name, rules.rate_limit_rpm, concurrent_max=rules.concurrent_max),)


def _counted_as(call: SpendingCall, per: QuotaPer) -> str:
    """Names come from callers and servers: escaped, none of them can be taken for another's. What a call does not name
    counts together."""
    whose = {
        QuotaPer.TOOL: (),
        QuotaPer.TENANT: (call.tenant,),
        QuotaPer.ENTITY: (call.tenant, call.entity or ""),
        QuotaPer.AGENT: (call.tenant, call.agent or ""),
        QuotaPer.WORKFLOW: (call.tenant, call.workflow),
    }[per]
    return "/".join([per.value, *(quote(part, safe="") for part in (*whose, call.tool.name))])
