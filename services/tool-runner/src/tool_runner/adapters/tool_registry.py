"""Which tools can be called here now, and do these arguments fit their schemas?"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

import orjson
import structlog
from pydantic import JsonValue

from json_schema import BoundedSchema, SchemaUnusable, bounded_schema
from tool_runner.domain.manifest import ListedTool, ServerRules, Tool
from tool_runner.domain.offer_tools import offered_tools, undeclarable_tools
from tool_runner.domain.outcome import ErrorClass, Failed
from tool_runner.domain.quarantine import Quarantined
from tool_runner.domain.tool_policy import Absence

log = structlog.get_logger()

PREPARED_AT_ONCE = 20
"""Some 10 ms, in which nothing else happens."""
PROBLEMS_MAX = 5
DESCRIPTION_BYTES_MAX = 256 * 1024
PATTERN_BYTES_MAX = 200_000_000
"""What the patterns in all schemas of one server may hold of memory."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")


@dataclass(frozen=True, slots=True)
class RegisteredTool:
    """A tool with the compiled validators of its arguments and, where a schema is there, of its results."""

    tool: Tool
    validator: BoundedSchema
    result_validator: BoundedSchema | None = None

    @property
    def pattern_bytes(self) -> int:
        """What its patterns may hold of memory."""
        return self.validator.pattern_bytes + (self.result_validator.pattern_bytes if self.result_validator else 0)

    def refusal_of(self, arguments: Mapping[str, JsonValue]) -> Failed | None:
        """What the schema has against the arguments, without repeating their values."""
        problems = _problems(self.validator, dict(arguments), whole="arguments")
        return Failed(ErrorClass.INVALID_ARGUMENTS, f"{self.tool.name}: {problems}") if problems else None

    def problem_of_result(self, given: JsonValue, *, whole: JsonValue) -> str | None:
        """What the output schema has against a result. A server's own schema is about its whole answer, the manifest's
        about what callers are given of it."""
        if self.result_validator is None:
            return None
        checked = whole if self.tool.rules.output_schema is None else given
        problems = _problems(self.result_validator, checked, whole="result")
        return f"its answer does not fit its output schema ({problems})" if problems else None


def _problems(validator: BoundedSchema, value: JsonValue, *, whole: str) -> str:
    """The first few, empty if there are none; places and rules, no values."""
    found = islice(validator.iter_errors(value), PROBLEMS_MAX)
    return "; ".join(f"{'/'.join(map(str, one.instance_path)) or whole}: {one.message}" for one in found)


@dataclass(slots=True)
class ToolRegistry:
    """The tools of all servers that have listed theirs; `servers` are all that are configured."""

    servers: Mapping[str, ServerRules]
    quarantined: dict[str, Mapping[str, Quarantined]] = field(default_factory=dict)
    """By server and name: listed, and not offered until somebody has looked at them."""
    _tools: dict[str, dict[str, RegisteredTool]] = field(default_factory=dict)
    _made: dict[str, dict[str, tuple[Tool, RegisteredTool | None]]] = field(default_factory=dict)
    """What became of each tool: servers list theirs every minute, mostly the same."""
    _pattern_bytes: dict[str, int] = field(default_factory=dict)

    async def prepare(self, server: str, listed: list[ListedTool]) -> None:
        """Make what `replace` needs, with pauses: a catalogue of thousands of tools takes seconds."""
        for number, tool in enumerate(offered_tools(listed, self.servers[server]), 1):
            self._registered(tool)
            if number % PREPARED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def replace(self, server: str, listed: list[ListedTool]) -> list[Tool]:
        """Take what a server lists now for all that it has; the tools that are offered of it."""
        rules = self.servers[server]
        if missing := undeclarable_tools(listed, rules):
            log.warning("tool_server.lacks_declared", server=server, missing=missing)
        offered = offered_tools(listed, rules)
        registered = [self._registered(tool) for tool in offered]
        self._tools[server] = {one.tool.local_name: one for one in registered if one is not None}
        self._made[server] = {tool.local_name: self._made[server][tool.local_name] for tool in offered}
        self._pattern_bytes[server] = sum(one.pattern_bytes for one in self._tools[server].values())
        return self.tools_of(server)

    def tools_of(self, server: str) -> list[Tool]:
        """Those of one server, none of one that has listed nothing yet."""
        return [one.tool for one in self._tools.get(server, {}).values()]

    def find(self, name: str) -> RegisteredTool | Absence:
        """By full name, `<server>.<tool>`."""
        server, _, local_name = name.partition(".")
        if server in self.servers and server not in self._tools:
            return Absence.NOT_LISTED_YET
        if local_name in self.quarantined.get(server, ()):
            return Absence.QUARANTINED
        return self._tools.get(server, {}).get(local_name, Absence.UNKNOWN)

    def held(self) -> list[Quarantined]:
        """All that is in quarantine, by name."""
        return sorted((one for held in self.quarantined.values() for one in held.values()), key=lambda one: one.name)

    def tools(self) -> list[Tool]:
        """All of them, by name."""
        return sorted(
            (one.tool for tools in self._tools.values() for one in tools.values()), key=lambda tool: tool.name
        )

    def _registered(self, tool: Tool) -> RegisteredTool | None:
        made = self._made.setdefault(tool.server, {})
        if tool.local_name not in made or made[tool.local_name][0] != tool:
            made[tool.local_name] = (tool, self._within_memory(_made_of(tool)))
        return made[tool.local_name][1]

    def _within_memory(self, made: RegisteredTool | None) -> RegisteredTool | None:
        """The tool, unless the patterns of its server would hold too much."""
        if made is None or made.pattern_bytes == 0:
            return made
        held = self._pattern_bytes.get(made.tool.server, 0) + made.pattern_bytes
        if held > PATTERN_BYTES_MAX:
            log.warning(
                "tool.not_offered", tool=made.tool.name, pattern_bytes=held, pattern_bytes_max=PATTERN_BYTES_MAX
            )
            return None
        self._pattern_bytes[made.tool.server] = held
        return made


def _made_of(tool: Tool) -> RegisteredTool | None:
    """None for a tool whose name or schema is of no use: it is not offered, the others are."""
    size = len(tool.description_for_models().model_dump_json())
    if not NAME.match(tool.local_name) or size > DESCRIPTION_BYTES_MAX:
        log.warning("tool.not_offered", server=tool.server, tool=tool.local_name[:128], bytes=size)
        return None
    try:
        orjson.dumps([tool.input_schema, tool.output_schema])  # Everybody who is told of the tool writes it on.
        validator = bounded_schema(tool.input_schema)
        result_validator = None if tool.output_schema is None else bounded_schema(tool.output_schema)
    except (SchemaUnusable, orjson.JSONEncodeError) as error:
        log.warning("tool.schema_invalid", tool=tool.name, reason=str(error))
        return None
    return RegisteredTool(tool, validator, result_validator)
