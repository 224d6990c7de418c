"""Which rules of the domain follow from the words of a manifest?"""

from decimal import Decimal

from tool_runner.adapters.manifest_file.document import GrantEntry, ManifestDocument
from tool_runner.adapters.manifest_file.server_entry import ServerEntry
from tool_runner.adapters.manifest_file.tool_entry import RulesEntry, ToolEntry, microdollars
from tool_runner.domain.grants import Grant
from tool_runner.domain.manifest import ApprovalPolicy, ServerRules, SideEffect, ToolRules

_BUILTIN = RulesEntry(side_effect=SideEffect.READ, untrusted=False)
"""What comes with the runner changes nothing outside of it, and says what its inputs and documents say: what strangers
wrote came in by another tool, which is remembered."""


def grant_of(entry: GrantEntry) -> Grant:
    return Grant(
        name=entry.name,
        tools=tuple(entry.tools),
        agents=tuple(entry.agents),
        workflows=tuple(entry.workflows),
        nodes=tuple(entry.nodes),
        tenants=tuple(entry.tenants),
        entities=tuple(entry.entities),
        permissions=frozenset(entry.permissions),
        when=tuple(entry.when),
    )


def server_rules(entry: ServerEntry, document: ManifestDocument) -> ServerRules:
    """The rules of a server, with its defaults in each of its tools."""
    own = _BUILTIN if entry.builtin is not None else RulesEntry()
    said = RulesEntry(**{**own.model_dump(exclude_none=True), **entry.defaults.model_dump(exclude_none=True)})
    defaults = ToolEntry(**said.model_dump(exclude_none=True))
    return ServerRules(
        name=entry.name,
        offered=tuple(entry.offered_tools),
        hidden_tools=frozenset(entry.hidden_tools),
        state_key=entry.state_key,
        state_key_argument=entry.state_key_argument,
        result_field=entry.result_field,
        defaults=_rules(defaults, document),
        tools={name: _rules(_over(tool, said), document) for name, tool in entry.tools.items()},
    )


def _over(tool: ToolEntry, defaults: RulesEntry) -> ToolEntry:
    """A tool's own words, with those of the defaults where it has none."""
    return ToolEntry(**{**defaults.model_dump(exclude_none=True), **tool.model_dump(exclude_none=True)})


def _rules(entry: ToolEntry, document: ManifestDocument) -> ToolRules:
    same = entry.model_dump(
        exclude_none=True, include=set(ToolRules.__dataclass_fields__) - {"quotas", "approvals", "cost_usd"}
    )
    for names in ("permissions_required", "pii_arguments", "pii_results"):
        same[names] = frozenset(same.get(names, ()))
    return ToolRules(
        **same,
        cost_microdollars=microdollars(entry.cost_usd or Decimal(0)),
        quotas=tuple(quota.quota() for quota in entry.quotas or ()),
        approvals=_policies(entry.approvals or [], document),
    )


def _policies(names: list[str], document: ManifestDocument) -> tuple[ApprovalPolicy, ...]:
    """The named policies and those that they include, each once. One that only includes others is none itself."""
    found: dict[str, ApprovalPolicy] = {}
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        entry = document.approvals[name]
        waiting += entry.includes
        if entry.when is not None or entry.after_untrusted_read or not entry.includes:
            found[name] = ApprovalPolicy(name, entry.when, entry.after_untrusted_read)
    return tuple(found.values())
