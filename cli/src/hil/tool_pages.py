"""How do tools look to a person at a terminal of 80 columns?"""

import json

from rich.console import Group
from rich.table import Table
from rich.text import Text

from contracts.tool_calls import ToolDescription
from tool_runner.api.tools import QuarantinedTool, ToolList


def list_page(tools: ToolList) -> Group:
    """One line a tool; then what waits to be blessed, and which servers are away."""
    table = Table(box=None, pad_edge=False)
    table.add_column("tool", overflow="fold", min_width=32)  # A name that is cut short cannot be typed.
    for title in ("effect", "cost", "needs"):
        table.add_column(title)
    for tool in tools.tools:
        table.add_row(tool.name, _effect(tool), _cost(tool.cost_microdollars), _needs(tool))
    lines: list[Table | Text] = [table] if tools.tools else [Text("there are no tools")]
    for held in tools.quarantined:
        reason = "changed" if held.blessed else "new"
        lines.append(Text(f"quarantined, {reason}: {held.name}", "yellow", no_wrap=True))
    lines += [Text("hil tool show TOOL, then hil tool bless TOOL", "yellow")] if tools.quarantined else []
    lines += [Text(f"does not answer now: server {one.name}", "yellow") for one in tools.servers if not one.available]
    return Group(*lines)


def tool_page(tool: ToolDescription | QuarantinedTool) -> Group:
    """All of one tool."""
    lines = [Text(tool.name, "bold"), *([Text(tool.description)] if tool.description else [])]
    if isinstance(tool, QuarantinedTool):
        was = f"blessed is {tool.blessed}" if tool.blessed else "it is new"
        lines.append(Text(f"quarantined: version {tool.version}, {was}", "yellow"))
        lines.append(Text(f"hil tool bless {tool.name}", "yellow", no_wrap=True))
    else:
        results = "untrusted" if tool.untrusted else "trusted"
        lines.append(Text(f"effect {_effect(tool)}, cost {_cost(tool.cost_microdollars)}, results {results}"))
        lines.append(Text(f"limit {tool.timeout_ms / 1000:g} s, version {tool.version or 'unsaid'}"))
        lines += [Text(f"needs {_needs(tool)}")] if _needs(tool) else []
    lines.append(Text(f"arguments\n{_shown(tool.input_schema)}"))
    lines += [] if tool.output_schema is None else [Text(f"result\n{_shown(tool.output_schema)}")]
    return Group(*lines)


def _effect(tool: ToolDescription) -> str:
    return tool.side_effect + (", once" if tool.idempotent and tool.side_effect != "read" else "")


def _cost(microdollars: int) -> str:
    return f"${microdollars / 1e6:.6f}".rstrip("0").rstrip(".") if microdollars else "free"


def _needs(tool: ToolDescription) -> str:
    account = [] if tool.authentication_required is None else [f"account {tool.authentication_required}"]
    return ", ".join([*tool.permissions_required, *account])


def _shown(schema: object) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)
