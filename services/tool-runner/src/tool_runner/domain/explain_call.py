"""Why may a call be made or not, grant by grant, and is a person asked first?"""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tool_runner.domain.check_approval import approval_needed
from tool_runner.domain.check_grants import Allowed, CallFacts, lacks, permission_of
from tool_runner.domain.grants import Grant
from tool_runner.domain.manifest import ServerRules, ToolRules
from tool_runner.domain.offer_tools import is_offered

Name = Field(max_length=256)


class WhyQuestion(BaseModel):
    """A call that nobody makes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tool: str = Name
    agent: str | None = Field(None, max_length=256)
    workflow: str = Field("", max_length=256)
    node: str = Field("", max_length=256)
    entity: str | None = Field(None, max_length=256)
    tenant: str = Name
    arguments: dict[str, JsonValue] = {}

    @property
    def facts(self) -> CallFacts:
        return CallFacts(
            self.tool, self.arguments, self.tenant, self.workflow, node=self.node, agent=self.agent, entity=self.entity
        )


class ExplainedGrant(BaseModel):
    """One grant; it holds for the call where it lacks nothing."""

    name: str
    permissions: list[str]
    lacks: list[str]


class Explanation(BaseModel):
    """The decision, and all that it rests on. `reason` is empty where the call is allowed."""

    allowed: bool
    reason: str
    manifest_version: str
    permissions_required: list[str]
    approval: str | None
    approval_after_untrusted_read: str | None
    grants: list[ExplainedGrant]


def explained(
    question: WhyQuestion, grants: Sequence[Grant], servers: Mapping[str, ServerRules], *, manifest_version: str
) -> Explanation:
    """By the same rules as the pipeline's, from the manifest alone: whether the server lists the tool is not asked."""
    call, rules = question.facts, rules_of(question.tool, servers)
    permission = permission_of(call, grants, frozenset() if rules is None else rules.permissions_required)
    reason = "" if isinstance(permission, Allowed) else permission.reason
    if rules is None:
        reason = f"the manifest offers no tool {question.tool}"
    policies = () if rules is None else rules.approvals
    return Explanation(
        allowed=not reason,
        reason=reason,
        manifest_version=manifest_version,
        permissions_required=[] if rules is None else sorted(rules.permissions_required),
        approval=approval_needed(call, policies, read_untrusted=False),
        approval_after_untrusted_read=approval_needed(call, policies, read_untrusted=True),
        grants=[
            ExplainedGrant(name=one.name, permissions=sorted(one.permissions), lacks=list(lacks(call, one)))
            for one in grants
        ],
    )


def rules_of(tool: str, servers: Mapping[str, ServerRules]) -> ToolRules | None:
    """What the manifest says of a tool, None where it offers no such tool."""
    name, _, local_name = tool.partition(".")
    server = servers.get(name)
    if server is None or not local_name or not is_offered(local_name, server):
        return None
    return server.tools.get(local_name, server.defaults)
