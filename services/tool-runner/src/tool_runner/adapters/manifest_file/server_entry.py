"""What can a manifest say of one server?"""

from typing import Annotated, Literal

from pydantic import Field

from tool_runner.adapters.manifest_file.tool_entry import Header, Name, Part, RulesEntry, ToolEntry, ToolName
from tool_runner.adapters.sandbox.server_command import ServerNetwork
from tool_runner.adapters.sandbox.server_group import PROCESSES_MAX

MEMORY_BYTES_MAX = 1 << 30
Word = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=100_000)]
"""What the kernel takes as an argument or a value."""
Variable = Annotated[str, Field(pattern=r"^[^=\x00]+$", max_length=200)]


class LimitsEntry(Part):
    """Bounds of one server."""

    memory_bytes_max: int = Field(
        MEMORY_BYTES_MAX,
        ge=0,
        le=1 << 40,
        description="Data of each of its processes, in a sandbox of all together; 0 is no limit.",
    )
    processes_max: int = Field(
        PROCESSES_MAX, ge=4, le=4096, description="Processes and threads of a command in the sandbox."
    )
    cpu_seconds_max: int = Field(0, ge=0, le=1 << 30, description="CPU time of one life of the process; 0 is no limit.")
    concurrency: int = Field(
        1, ge=1, le=256, description="Calls sent and not answered; 16 if unsaid for url and openapi."
    )
    sessions_max: int = Field(16, ge=1, le=1_000, description="Open sessions of a `url`, one for each credential.")
    start_seconds_max: float = Field(20.0, gt=0, le=300)
    result_bytes_max: int = Field(1_048_576, ge=1, le=8 * 1024 * 1024)
    breaker_failures_max: int = Field(5, ge=1, le=1_000_000, description="Failures in a row that open the breaker.")
    breaker_open_seconds: float = Field(10.0, gt=0, le=3_600)


class ServerEntry(Part):
    """A server and its one source: command, url, openapi, builtin, or python or code at every tool."""

    name: Name
    command: list[Word] = Field(
        [], max_length=1_000, description="The words of the command; the first word python is this interpreter."
    )
    env: dict[Variable, Word] = Field(
        {}, max_length=1_000, description="The environment of the command beside PATH and LANG."
    )
    show_errors: bool = Field(False, description="Log its error output, without personal data.")
    sandbox: bool = Field(False, description="Run the command in a sandbox, with one folder to write and nothing else.")
    network: ServerNetwork = Field(ServerNetwork.NONE, description="What a command in the sandbox may reach.")
    readable: list[str] = Field([], max_length=50, description="Paths that a command in the sandbox may read, too.")
    url: str | None = Field(None, description="Streamable HTTP address of an MCP server.")
    openapi: str | None = Field(None, description="An OpenAPI 3 document beside this file, YAML or JSON.")
    base_url: str | None = Field(None, description="Where the operations of `openapi` are.")
    quarantine: bool = Field(True, description="What its tools become later waits for `hil tool bless`.")
    builtin: Literal["code", "knowledge"] | None = None
    folder: str | None = Field(None, description="Of `builtin: knowledge`: the folder of its documents.")
    embeddings_url: str | None = Field(None, description="The gateway's address with /v1; words alone without.")
    embeddings_key_from_env: str | None = Field(None, description="Environment variable with a key of the gateway.")
    embeddings_model: str = Field("embeddings", min_length=1, description="A model or profile of the gateway.")
    headers: dict[Header, str] = Field({}, max_length=20, description="Sent with every request to url or base_url.")
    headers_from_env: dict[Header, str] = Field(
        {}, max_length=20, description="The same for secrets: the value is the name of an environment variable."
    )
    plain_http: bool = Field(False, description="Allow http:// to another host than this one.")
    state_key: str | None = Field(None, description="Template of {tenant}, {key} and {entity}.")
    state_key_argument: str = "state_key"
    result_field: str | None = Field(None, description="The one field of structured results that is the result.")
    offered_tools: list[str] = Field(["*"], max_length=1_000, description="Patterns of the tools that are offered.")
    hidden_tools: list[ToolName] = Field([], max_length=10_000)
    defaults: RulesEntry = RulesEntry()
    tools: dict[ToolName, ToolEntry] = Field({}, max_length=10_000)
    limits: LimitsEntry = LimitsEntry()

    @property
    def sources(self) -> list[str]:
        """What it names as a source of its tools; one is right."""
        named = [word for word in ("command", "url", "openapi", "builtin") if getattr(self, word)]
        at_tools = [word for word in ("python", "code") if any(getattr(tool, word) for tool in self.tools.values())]
        return named + at_tools

    @property
    def is_remote(self) -> bool:
        return self.url is not None or self.openapi is not None
