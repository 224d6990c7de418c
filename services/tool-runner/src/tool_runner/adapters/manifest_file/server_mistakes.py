"""What is wrong with one server of a manifest?"""

from collections.abc import Iterator

from tool_runner.adapters.manifest_file.check_words import problem_of_schema, problem_of_url
from tool_runner.adapters.manifest_file.server_entry import ServerEntry
from tool_runner.adapters.manifest_file.tool_entry import ToolEntry
from tool_runner.adapters.manifest_file.yaml_lines import Place
from tool_runner.domain.manifest import SideEffect

_SOURCES = "command, url, openapi, builtin, or python or code at every tool"
_BELONGS = {
    "env": ("command",),
    "show_errors": ("command",),
    "sandbox": ("command",),
    "network": ("command",),
    "readable": ("command",),
    "folder": ("builtin",),
    "embeddings_url": ("builtin",),
    "embeddings_key_from_env": ("builtin",),
    "embeddings_model": ("builtin",),
    "base_url": ("openapi",),
    "quarantine": ("command", "url", "openapi"),
    "headers": ("url", "openapi"),
    "headers_from_env": ("url", "openapi"),
    "plain_http": ("url", "openapi", "builtin"),
}
"""Fields that say something to some sources alone."""

Mistakes = Iterator[tuple[Place, str]]


def server_mistakes(server: ServerEntry) -> Mistakes:
    """Where inside the server, and what."""
    if len(server.sources) != 1:
        named = ", ".join(server.sources) or "none"
        yield ("name",), f"a server has exactly one source ({_SOURCES}); this one has {named}"
        return
    (source,) = server.sources
    for field, sources in _BELONGS.items():
        if field in server.model_fields_set and source not in sources:
            yield (field,), f"says nothing to a server with {source}; it belongs to {' or '.join(sources)}"
    for field in ("network", "readable"):
        if field in server.model_fields_set and not server.sandbox:
            yield (field,), "says nothing without `sandbox: true`: the command reaches and reads what the runner does"
    if "processes_max" in server.limits.model_fields_set and not server.sandbox:
        yield ("limits", "processes_max"), "says nothing without `sandbox: true`: nothing counts them elsewhere"
    yield from _of_knowledge(server)
    yield from _of_addresses(server)
    yield from _of_costs(server, source)
    yield from _of_rules(server, ToolEntry(**server.defaults.model_dump(exclude_none=True)), ("defaults",))
    for name, tool in server.tools.items():
        yield from _of_tool(server, tool, name)


def _of_knowledge(server: ServerEntry) -> Mistakes:
    embeddings = ("embeddings_url", "embeddings_key_from_env", "embeddings_model")
    if server.builtin == "code":
        said = [field for field in ("folder", "plain_http", *embeddings) if field in server.model_fields_set]
        yield from (((field,), "says nothing to `builtin: code`; it belongs to `builtin: knowledge`") for field in said)
    if server.builtin != "knowledge":
        return
    if server.folder is None:
        yield ("folder",), "is missing; where are the documents that are searched?"
    if (server.embeddings_url is None) != (server.embeddings_key_from_env is None):
        yield ("embeddings_url",), "and embeddings_key_from_env go together; say both or neither"
    if "embeddings_model" in server.model_fields_set and server.embeddings_url is None:
        yield ("embeddings_model",), "says nothing without embeddings_url and embeddings_key_from_env"


def _of_addresses(server: ServerEntry) -> Mistakes:
    for field in ("url", "base_url", "embeddings_url"):
        url = getattr(server, field)
        if url is not None and (problem := problem_of_url(url, plain_http=server.plain_http)):
            yield (field,), f"{problem} (got {url[:200]!r})"
    if server.base_url is not None and "?" in server.base_url:
        yield ("base_url",), "must be without ?query"
    if server.openapi is not None and server.base_url is None:
        yield ("base_url",), "is missing; the address in the document is its author's word, not yours"


def _of_costs(server: ServerEntry, source: str) -> Mistakes:
    if server.defaults.cost_usd is not None:
        return
    if source not in ("python", "code"):
        yield (
            ("defaults", "cost_usd"),
            "is missing; tools that the server lists and this file does not name need one (0 if they are free)",
        )
        return
    for name, tool in server.tools.items():
        if tool.cost_usd is None:
            yield ("tools", name, "cost_usd"), "is missing, here and in defaults; write 0 if the tool is free"


def _of_tool(server: ServerEntry, tool: ToolEntry, name: str) -> Mistakes:
    place: Place = ("tools", name)
    (source,) = server.sources
    if source in ("python", "code") and getattr(tool, source) is None:
        yield (*place, source), f"is missing; every tool of this server has one, or a server has {_SOURCES}"
    if source == "code" and tool.input_schema is None:
        yield (*place, "input_schema"), "is missing; code does not say which arguments it takes"
    for field in ("input_schema", "output_schema"):
        schema = getattr(tool, field)
        if schema is not None and (problem := problem_of_schema(schema)):
            yield (*place, field), problem
    if tool.input_schema is not None and tool.input_schema.get("type") != "object":
        yield (*place, "input_schema"), 'must be of an object; say "type: object"'
    yield from _of_rules(server, tool, place)


def _of_rules(server: ServerEntry, tool: ToolEntry, place: Place) -> Mistakes:
    side_effect = tool.side_effect or server.defaults.side_effect or SideEffect.WRITE
    if tool.cache_ttl_seconds and side_effect is not SideEffect.READ:
        yield (*place, "cache_ttl_seconds"), f"only results of `read` tools are kept; this one is {side_effect.value}"
    counted = [(quota.per, quota.window) for quota in tool.quotas or ()]
    if twice := next((one for one in counted if counted.count(one) > 1), None):
        yield (*place, "quotas"), f"calls for each {twice[0]} in a {twice[1]} are limited twice; keep the smaller limit"
    if server.state_key is not None and tool.idempotency_argument == server.state_key_argument:
        yield (*place, "idempotency_argument"), "is the argument that holds the state key; each needs its own"
    for field in ("idempotency_header", "authentication_required"):
        if getattr(tool, field) is not None and not server.is_remote:
            yield (*place, field), "needs a server with url or openapi: headers carry it"
