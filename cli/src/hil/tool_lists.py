"""Which tools does the tool runner say that there are?"""

import asyncio
from fnmatch import fnmatchcase
from pathlib import Path

import aiohttp
from pydantic import ValidationError

from contracts.tool_calls import ToolDescription
from hil.connect import address_of
from hil.outcome import CommandError, unreachable
from tool_runner.api.tools import QuarantinedTool, ToolList

SECONDS_MAX = 10.0


def tools_now(data_dir: Path) -> ToolList:
    """Ends the command with status 3 where no tool runner answers."""
    return asyncio.run(_asked(address_of("tool_runner", data_dir)))


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


async def _asked(url: str) -> ToolList:
    try:
        timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{url.rstrip('/')}/v1/tools") as answer:
            answer.raise_for_status()
            return ToolList.model_validate_json(await answer.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        raise unreachable(
            f"no tool runner answers at {url} ({type(error).__name__}); HIL_TOOL_RUNNER_URL names it"
        ) from error
    except ValidationError as error:
        raise unreachable(f"what answers at {url} is no tool runner") from error
