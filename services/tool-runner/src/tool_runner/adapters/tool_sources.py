"""Where can a server's tools come from, beside a process of its own (`Launch`)?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tool_runner.adapters.knowledge import GatewayEmbeddings
from tool_runner.adapters.mcp_process import Launch
from tool_runner.adapters.python_tools import Function
from tool_runner.domain.manifest import Json


@dataclass(frozen=True, slots=True)
class Functions:
    """Functions of this process, by tool."""

    by_tool: Mapping[str, Function]


@dataclass(frozen=True, slots=True)
class CodeFiles:
    """Python code that runs in the sandbox, by tool."""

    by_tool: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoteMcp:
    """An MCP server at an address. `headers` are this installation's own; a caller's come with each request."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    sessions_max: int = 16


@dataclass(frozen=True, slots=True)
class OpenApi:
    """The operations of an OpenAPI 3 document, called below `base_url` whatever the document says."""

    document: Json = field(repr=False)
    base_url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Builtin:
    """Tools that come with the runner."""

    kind: Literal["code"]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A search over the documents of a folder, by words, and by meaning where `embeddings` are."""

    folder: Path
    embeddings: GatewayEmbeddings | None = None


Source = Launch | Functions | CodeFiles | RemoteMcp | OpenApi | Builtin | Knowledge
