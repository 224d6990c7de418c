"""Which tools does the tool runner say that there are?"""

import asyncio
from fnmatch import fnmatchcase
from pathlib import Path

from contracts.tool_calls import ToolDescription
from hil.ask_tool_runner import asked
from hil.outcome import CommandError
from tool_runner.api.tools import QuarantinedTool, ToolList


def tools_now(data_dir: Path) -> ToolList:
    """Ends the command with status 3 where no tool runner answers."""
    return asyncio.run(asked(data_dir, "/v1/tools", ToolList))


def named_like(tools: ToolList, pattern: str) -> ToolList:
    """Those whose full name the pattern matches."""
    return tools.model_copy(
        update={
            "tools": [one for one in tools.tools if fnmatchcase(one.name, pattern)],
            "quarantined": [one for one in tools.quarantined if fnmatchcase(one.name, pattern)],
        }
    )


def found_tool(tools: ToolList, name: str) -> ToolDescription | QuarantinedTool:
    """By full name. Raises CommandError."""
    every: list[ToolDescription | QuarantinedTool] = [*tools.tools, *tools.quarantined]
    for one in every:
        if one.name == name:
            return one
    near = [one.name for one in every if name.rpartition(".")[2].lower() in one.name.lower()][:5]
    raise CommandError(f"there is no tool {name!r}; {'similar: ' + ', '.join(near) if near else 'see hil tool list'}")
