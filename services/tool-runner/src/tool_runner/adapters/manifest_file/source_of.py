"""Where do the tools of a server come from, in words that its adapter understands?"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tool_runner.adapters.knowledge import GatewayEmbeddings
from tool_runner.adapters.manifest_file.server_entry import ServerEntry
from tool_runner.adapters.manifest_file.tool_entry import ToolEntry
from tool_runner.adapters.manifest_file.yaml_lines import ManifestError, Place, read_lines
from tool_runner.adapters.mcp_process import Launch, ServerBox
from tool_runner.adapters.openapi_schema import foreign_references
from tool_runner.adapters.python_tools import Function, load_function
from tool_runner.adapters.tool_sources import Builtin, CodeFiles, Functions, Knowledge, OpenApi, RemoteMcp, Source
from tool_runner.domain.manifest import Json

CODE_BYTES_MAX = 256 * 1024


class Unusable(Exception):
    """A source cannot be used; `place` is inside the server."""

    def __init__(self, place: Place, text: str) -> None:
        super().__init__(text)
        self.place, self.text = place, text


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around the file: its folder, the PATH of commands, and the environment with the secrets."""

    folder: Path
    search_path: str
    environment: Mapping[str, str] = field(repr=False)


def source_of(entry: ServerEntry, around: Surroundings) -> Source:
    """Raises Unusable."""
    match entry.sources:
        case ["command"]:
            return _launch(entry, around)
        case ["url"]:
            assert entry.url is not None
            return RemoteMcp(entry.url, _headers(entry, around), entry.limits.sessions_max)
        case ["openapi"]:
            assert entry.base_url is not None
            return OpenApi(_document(entry, around), entry.base_url, _headers(entry, around))
        case ["builtin"]:
            return _knowledge(entry, around) if entry.builtin == "knowledge" else Builtin("code")
        case ["python"]:
            return Functions({name: _function(name, tool) for name, tool in entry.tools.items()})
    return CodeFiles({name: _code(name, tool, around) for name, tool in entry.tools.items()})


def _launch(entry: ServerEntry, around: Surroundings) -> Launch:
    first = sys.executable if entry.command[0] in ("python", "python3") else entry.command[0]
    return Launch(
        command=(first, *entry.command[1:]),
        env={"PATH": around.search_path, "LANG": "C.UTF-8", **entry.env},
        memory_bytes_max=entry.limits.memory_bytes_max,
        cpu_seconds_max=entry.limits.cpu_seconds_max,
        show_errors=entry.show_errors,
        name=entry.name,
        box=_box(entry, around) if entry.sandbox else None,
    )


def _box(entry: ServerEntry, around: Surroundings) -> ServerBox:
    readable = tuple(around.folder / path for path in entry.readable)
    return ServerBox(entry.network, readable, entry.limits.processes_max)


def _function(name: str, tool: ToolEntry) -> Function:
    try:
        return load_function(tool.python or "")
    except ValueError as error:
        raise Unusable(("tools", name, "python"), str(error)) from error


def _code(name: str, tool: ToolEntry, around: Surroundings) -> str:
    path = around.folder / (tool.code or "")
    place: Place = ("tools", name, "code")
    try:
        text = path.read_text("utf-8")
        compile(text, str(path), "exec", dont_inherit=True)
    except (OSError, ValueError, SyntaxError) as error:
        raise Unusable(place, f"{path} cannot be used: {error}") from error
    if len(text.encode()) > CODE_BYTES_MAX:
        raise Unusable(place, f"{path} is over the limit of {CODE_BYTES_MAX} bytes")
    return text


def _knowledge(entry: ServerEntry, around: Surroundings) -> Knowledge:
    assert entry.folder is not None
    folder = around.folder / entry.folder
    if entry.embeddings_url is None or entry.embeddings_key_from_env is None:
        return Knowledge(folder)
    key = _secret(("embeddings_key_from_env",), entry.embeddings_key_from_env, around)
    return Knowledge(folder, GatewayEmbeddings(entry.embeddings_url, key, entry.embeddings_model))


def _secret(place: Place, variable: str, around: Surroundings) -> str:
    if not (value := around.environment.get(variable)):
        raise Unusable(place, f"the environment variable {variable} is not set")
    return value


def _headers(entry: ServerEntry, around: Surroundings) -> dict[str, str]:
    headers = dict(entry.headers)
    for name, variable in entry.headers_from_env.items():
        headers[name] = _secret(("headers_from_env", name), variable, around)
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise Unusable(("headers", name), "a header is one line of plain ASCII")
    return {name.lower(): value for name, value in headers.items()}


def _document(entry: ServerEntry, around: Surroundings) -> Json:
    path = around.folder / (entry.openapi or "")
    try:
        values = read_lines(path).values
    except ManifestError as error:
        raise Unusable(("openapi",), str(error)) from error
    if not isinstance(values, dict) or not str(values.get("openapi", "")).startswith("3."):
        raise Unusable(("openapi",), f"{path} is no OpenAPI 3 document (openapi: 3.x)")
    if foreign := next(foreign_references(values), None):
        raise Unusable(("openapi",), f"{path} refers to {foreign[:200]!r}; put all of it into one document")
    return values
