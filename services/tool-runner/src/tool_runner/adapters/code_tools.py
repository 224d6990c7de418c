"""How does code that nobody trusts answer a tool call?"""

import base64
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping

from pydantic import JsonValue

from tool_runner.adapters.mcp_client import ServerLimits
from tool_runner.domain.manifest import ListedTool, ServerRules
from tool_runner.domain.outcome import Answered, ErrorClass, NotSent, TryOutcome, Unusable
from tool_runner.domain.sandbox import Sandbox, SandboxLimits, SandboxResult, SandboxUnavailable
from tool_runner.domain.tool_request import ToolRequest

RUN = "run"
RUN_TOOL = ListedTool(
    RUN,
    "Runs Python code in a sandbox without network. `inputs` is there under that name; what the code binds to `result` "
    "comes back as JSON, beside what it printed and the files that it wrote into the folder `out`.",
    {
        "type": "object",
        "properties": {"code": {"type": "string", "maxLength": 200_000}, "inputs": {}},
        "required": ["code"],
        "additionalProperties": False,
    },
)


class CodeTools:
    """Files of the manifest, each a tool whose arguments are its `inputs` and whose `result` is its answer; without
    files, `run` of whatever code comes. Nothing has an effect outside of the sandbox."""

    def __init__(
        self, rules: ServerRules, files: Mapping[str, str] | None, sandbox: Sandbox, limits: ServerLimits
    ) -> None:
        self.name = rules.name
        self._rules, self._files, self._sandbox, self._limits = rules, files, sandbox, limits

    @property
    def available(self) -> bool:
        """The sandbox says itself when it cannot run."""
        return True

    def listed(self) -> list[ListedTool]:
        """The manifest says what its files take; other code is another tool."""
        if self._files is None:
            return [RUN_TOOL]
        found = []
        for name, code in self._files.items():
            rules = self._rules.tools[name]
            found.append(ListedTool(name, rules.description or "", rules.input_schema or {}, None, revision=code))
        return found

    async def call(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome:
        """Make one call; see McpServer.call."""
        given = request.arguments
        code = str(given["code"]) if self._files is None else self._files[request.tool]
        inputs = given.get("inputs") if self._files is None else dict(given)
        await starting()
        left = request.until - time.monotonic()
        if left <= 0:
            return NotSent(ErrorClass.TIMEOUT, "the deadline was over before the code ran")
        limits = dataclasses.replace(SandboxLimits(), wall_seconds_max=min(left, SandboxLimits().wall_seconds_max))
        try:
            ended = await self._sandbox.execute(code, inputs, limits)
        except SandboxUnavailable as error:
            return NotSent(ErrorClass.SERVER_UNAVAILABLE, str(error))
        return self._answer(ended)

    def _answer(self, ended: SandboxResult) -> TryOutcome:
        if (problem := _problem(ended)) is not None:
            return Answered({"error": problem, "stdout": ended.stdout}, is_error=True)
        if self._files is not None:
            return Answered(ended.result, is_error=False)
        files: dict[str, JsonValue] = {
            name: base64.b64encode(content).decode() for name, content in ended.files.items()
        }
        if sum(map(len, ended.files.values())) > self._limits.result_bytes_max:
            return Unusable(f"its files are over the limit of {self._limits.result_bytes_max} bytes")
        return Answered({"result": ended.result, "stdout": ended.stdout, "files": files}, is_error=False)


def _problem(ended: SandboxResult) -> str | None:
    if ended.killed_by is not None:
        return f"ended by the limit of {ended.killed_by}"
    if ended.exit_code != 0:
        return ended.error or f"ended with status {ended.exit_code}"
    return None
