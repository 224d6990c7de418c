"""What is offered of what a source lists, with the manifest's words over its own?"""

from fnmatch import fnmatchcase

from pydantic import JsonValue

from tool_runner.domain.manifest import Json, ListedTool, ServerRules, Tool


def offered_tools(listed: list[ListedTool], server: ServerRules) -> list[Tool]:
    """The tools of a server that may be called: what `offered` matches, without the hidden ones."""
    return [_offered(tool, server) for tool in listed if is_offered(tool.name, server)]


def is_offered(local_name: str, server: ServerRules) -> bool:
    """Whether the manifest lets a tool of this name be offered."""
    return local_name not in server.hidden_tools and any(fnmatchcase(local_name, one) for one in server.offered)


def undeclarable_tools(listed: list[ListedTool], server: ServerRules) -> list[str]:
    """Declared tools that the server lacks, and declared arguments that their tools lack."""
    by_name = {tool.name: tool for tool in listed}
    missing = [name for name in (*server.tools, *sorted(server.hidden_tools)) if name not in by_name]
    for name, rules in server.tools.items():
        if name in by_name:
            known = _properties(rules.input_schema or by_name[name].input_schema)
            named = {rules.idempotency_argument, *rules.pii_arguments} - {None}
            missing += [f"{name}({argument})" for argument in sorted(filter(None, named)) if argument not in known]
    return missing


def _offered(tool: ListedTool, server: ServerRules) -> Tool:
    rules = server.tools.get(tool.name, server.defaults)
    properties = _properties(tool.input_schema)
    state_argument = server.state_key_argument if server.state_key is not None else None
    state_argument = state_argument if state_argument in properties else None
    idempotency_argument = rules.idempotency_argument if rules.idempotency_argument in properties else None
    input_schema = tool.input_schema if rules.input_schema is None else rules.input_schema
    return Tool(
        server=server.name,
        local_name=tool.name,
        description=tool.description if rules.description is None else rules.description,
        input_schema=_marked(_without(input_schema, {state_argument, idempotency_argument}), rules.pii_arguments),
        output_schema=_output_schema(tool, server),
        rules=rules,
        state_key=server.state_key,
        state_key_argument=state_argument,
        idempotency_argument=idempotency_argument,
        result_field=server.result_field,
        version=tool.version,
    )


def _output_schema(tool: ListedTool, server: ServerRules) -> Json | None:
    """The manifest's, else the source's. Marks of personal data stand in one that says nothing else, where there is
    none."""
    rules = server.tools.get(tool.name, server.defaults)
    schema = tool.output_schema if rules.output_schema is None else rules.output_schema
    if not rules.pii_results:
        return schema
    return _marked({} if schema is None else schema, rules.pii_results, adding=rules.pii_results)


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


def _marked(schema: Json, names: frozenset[str], adding: frozenset[str] = frozenset()) -> Json:
    """The schema with `"pii": true` at the named properties; those in `adding` are there in the end."""
    if not names:
        return schema
    properties = {**{name: True for name in adding}, **_properties(schema)}
    marked = {name: _with_mark(rule) if name in names else rule for name, rule in properties.items()}
    return {**schema, "properties": marked}


def _with_mark(rule: JsonValue) -> JsonValue:
    """A schema may also be plain `true`; `false` lets nothing through, so that nothing needs a mark."""
    if isinstance(rule, dict):
        return {"pii": True, **rule}
    return {"pii": True} if rule is True else rule
