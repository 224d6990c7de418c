"""What does the runner know of a tool, beyond what its server says?"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from contracts.tool_calls import ToolDescription

Json = Mapping[str, JsonValue]


class SideEffect(StrEnum):
    """What a call may change; the same words as in ToolDescription."""

    READ = "read"
    WRITE = "write"
    IRREVERSIBLE = "irreversible"


class QuotaPer(StrEnum):
    """Whose calls of the tool are counted together."""

    TOOL = "tool"
    TENANT = "tenant"
    ENTITY = "entity"
    AGENT = "agent"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `calls_max` calls in each window (hour, day or month of the UTC calendar) of each of `per`."""

    per: QuotaPer
    calls_max: int
    window: str = "day"


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """A person is asked first where the policy holds: `when` is a JMESPath expression over `arguments`, `tenant`,
    `entity`, `agent`, `workflow` and `node`, None is always. `after_untrusted_read`: only where the node has read what
    an untrusted tool returned."""

    name: str
    when: str | None = None
    after_untrusted_read: bool = False


class ResultPii(StrEnum):
    """What becomes of personal data in results before anybody else sees them."""

    KEEP = "keep"
    TOKENISE = "tokenise"
    """Tokens that only this runner puts back, into the arguments of later calls of the same conversation."""
    REDACT = "redact"


@dataclass(frozen=True, slots=True)
class ToolRules:
    """What the manifest declares of one tool. Undeclared tools are taken for writes that must not be repeated and
    whose results are a stranger's text: servers' own annotations are claims of a stranger."""

    side_effect: SideEffect = SideEffect.WRITE
    idempotent: bool = False
    timeout_ms: int = 30_000
    idempotency_argument: str | None = None
    idempotency_header: str | None = None
    description: str | None = None
    input_schema: Json | None = None
    output_schema: Json | None = None
    cost_microdollars: int = 0
    rate_limit_rpm: int | None = None
    concurrent_max: int | None = None
    quotas: tuple[Quota, ...] = ()
    cache_ttl_seconds: float = 0.0
    approvals: tuple[ApprovalPolicy, ...] = ()
    permissions_required: frozenset[str] = frozenset()
    authentication_required: str | None = None
    """Name of the app whose connected account of the entity the call is made with."""
    untrusted: bool = True
    result_characters_max: int = 200_000
    result_pii: ResultPii = ResultPii.KEEP
    pii_arguments: frozenset[str] = frozenset()
    pii_results: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ServerRules:
    """What the manifest declares of one server. `state_key` is a template of `{tenant}`, `{key}` and `{entity}`;
    `offered` are patterns of the server's own names, `hidden_tools` are left out of what they match."""

    name: str
    offered: tuple[str, ...] = ("*",)
    hidden_tools: frozenset[str] = frozenset()
    state_key: str | None = None
    state_key_argument: str = "state_key"
    result_field: str | None = None
    defaults: ToolRules = field(default_factory=ToolRules)
    tools: Mapping[str, ToolRules] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server lists it; `name` is the server's own."""

    name: str
    description: str
    input_schema: Json
    output_schema: Json | None = None
    revision: str = ""
    """What else makes it another tool than before, such as its code."""

    @property
    def version(self) -> str:
        """A hash of all that its source says of it: another one means that it is another tool."""
        text = json.dumps([self.description, self.input_schema, self.output_schema, self.revision], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is offered. `input_schema` lacks the arguments that the runner adds itself; `version` is that of
    what its source lists."""

    server: str
    local_name: str
    description: str
    input_schema: Json
    output_schema: Json | None
    rules: ToolRules
    state_key: str | None
    state_key_argument: str | None
    idempotency_argument: str | None
    result_field: str | None
    version: str = ""

    @property
    def name(self) -> str:
        return f"{self.server}.{self.local_name}"

    @property
    def may_run_again(self) -> bool:
        """A call whose outcome is not known may be made again: it changes nothing, or repeats are the same effect."""
        return self.rules.side_effect is SideEffect.READ or self.idempotent

    @property
    def is_recorded(self) -> bool:
        """Calls that change nothing and take nothing need no ledger: made twice they are as one, and of two answers to
        one command the log keeps one."""
        rules = self.rules
        return rules.side_effect is not SideEffect.READ or bool(rules.cost_microdollars or rules.quotas)

    @property
    def idempotent(self) -> bool:
        takes_key = self.idempotency_argument is not None or self.rules.idempotency_header is not None
        return self.rules.idempotent or takes_key

    @property
    def reserved_arguments(self) -> frozenset[str]:
        """Arguments that only the runner sets."""
        return frozenset(name for name in (self.state_key_argument, self.idempotency_argument) if name is not None)

    def description_for_models(self) -> ToolDescription:
        """What gateway and orchestrator read in the tools bucket."""
        return ToolDescription(
            name=self.name,
            description=self.description,
            input_schema=dict(self.input_schema),
            output_schema=None if self.output_schema is None else dict(self.output_schema),
            side_effect=self.rules.side_effect.value,
            idempotent=self.idempotent,
            timeout_ms=self.rules.timeout_ms,
            version=self.version,
            cost_microdollars=self.rules.cost_microdollars,
            untrusted=self.rules.untrusted,
            permissions_required=tuple(sorted(self.rules.permissions_required)),
            authentication_required=self.rules.authentication_required,
        )
