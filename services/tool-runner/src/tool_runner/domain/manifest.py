"""What does the runner know of a tool, beyond what its server says?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

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


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is offered. `input_schema` lacks the arguments that the runner adds itself."""

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

    @property
    def name(self) -> str:
        return f"{self.server}.{self.local_name}"

    @property
    def may_run_again(self) -> bool:
        """A call whose outcome is not known may be made again: it changes nothing, or repeats are the same effect."""
        return self.rules.side_effect is SideEffect.READ or self.idempotent

    @property
    def idempotent(self) -> bool:
        return self.rules.idempotent or self.idempotency_argument is not None

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
        )


def offered_tools(listed: list[ListedTool], server: ServerRules) -> list[Tool]:
    """The tools of a server that may be called: what `offered` matches, without the hidden ones."""
    return [_offered(tool, server) for tool in listed if is_offered(tool.name, server)]


def is_offered(local_name: str, server: ServerRules) -> bool:
    """Whether the manifest lets a tool of this name be offered."""
    return local_name not in server.hidden_tools and any(fnmatchcase(local_name, one) for one in server.offered)


def undeclarable_tools(listed: list[ListedTool], server: ServerRules) -> list[str]:
    """Declared tools that the server lacks, and declared idempotency arguments that their tools lack."""
    by_name = {tool.name: tool for tool in listed}
    missing = [name for name in (*server.tools, *sorted(server.hidden_tools)) if name not in by_name]
    return missing + [
        f"{name}({rules.idempotency_argument})"
        for name, rules in server.tools.items()
        if name in by_name and rules.idempotency_argument not in (None, *_properties(by_name[name].input_schema))
    ]


def _offered(tool: ListedTool, server: ServerRules) -> Tool:
    rules = server.tools.get(tool.name, server.defaults)
    properties = _properties(tool.input_schema)
    state_argument = server.state_key_argument if server.state_key is not None else None
    state_argument = state_argument if state_argument in properties else None
    idempotency_argument = rules.idempotency_argument if rules.idempotency_argument in properties else None
    return Tool(
        server=server.name,
        local_name=tool.name,
        description=tool.description,
        input_schema=_without(tool.input_schema, {state_argument, idempotency_argument}),
        output_schema=tool.output_schema,
        rules=rules,
        state_key=server.state_key,
        state_key_argument=state_argument,
        idempotency_argument=idempotency_argument,
        result_field=server.result_field,
    )


def _properties(schema: Json) -> Json:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _without(schema: Json, names: set[str | None]) -> Json:
    reduced = dict(schema)
    if isinstance(schema.get("properties"), dict):
        reduced["properties"] = {name: rule for name, rule in _properties(schema).items() if name not in names}
    required = schema.get("required")
    if isinstance(required, list):
        reduced["required"] = [name for name in required if name not in names]
    return reduced
