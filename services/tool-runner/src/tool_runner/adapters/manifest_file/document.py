"""What can be in a manifest? Its JSON Schema is published as tools.schema.json."""

from typing import Annotated

from pydantic import Field

from tool_runner.adapters.manifest_file.server_entry import ServerEntry
from tool_runner.adapters.manifest_file.tool_entry import Name, Part, Permission
from tool_runner.adapters.vault.app_file import AppEntry

Condition = Annotated[str, Field(max_length=2_000)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]


class ApprovalEntry(Part):
    """A person is asked before a call where the policy holds. One that only `includes` others stands for them."""

    when: Condition | None = Field(None, description="JMESPath; always, if nothing is said.")
    after_untrusted_read: bool = Field(False, description="Only after the node has read a stranger's text.")
    includes: list[Name] = Field([], max_length=20)


class GrantEntry(Part):
    """Who may call what. A call that no grant fits is denied."""

    name: Name
    tools: list[Pattern] = Field(min_length=1, max_length=200)
    agents: list[Pattern] = Field(["*"], max_length=1_000)
    workflows: list[Pattern] = Field(["*"], max_length=1_000)
    nodes: list[Pattern] = Field(["*"], max_length=1_000)
    tenants: list[Pattern] = Field(["*"], max_length=1_000)
    entities: list[Pattern] = Field(["*"], max_length=1_000)
    permissions: list[Permission] = Field([], max_length=100)
    when: list[Annotated[str, Field(max_length=2_000)]] = Field(
        [], max_length=20, description="JMESPath over the arguments; all must be true."
    )


class ManifestDocument(Part):
    """The whole file."""

    permissions: list[Permission] = Field([], max_length=1_000, description="All that tools may require.")
    approvals: dict[Name, ApprovalEntry] = Field({}, max_length=500)
    grants: list[GrantEntry] = Field([], max_length=5_000)
    apps: dict[Name, AppEntry] = Field({}, max_length=200, description="Apps at which entities have accounts.")
    servers: list[ServerEntry] = Field(max_length=200)
