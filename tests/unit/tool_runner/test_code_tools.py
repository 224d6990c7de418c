"""What becomes of code that is called as a tool, however it ends?"""

import asyncio
import time
from collections.abc import Mapping

import pytest
from pydantic import JsonValue

from tool_runner.adapters.code_tools import CodeTools
from tool_runner.adapters.mcp_client import ServerLimits
from tool_runner.domain.arguments import Caller
from tool_runner.domain.manifest import ServerRules, ToolRules
from tool_runner.domain.outcome import Answered, ErrorClass, NotSent, TryOutcome
from tool_runner.domain.sandbox import SandboxLimits, SandboxResult, SandboxUnavailable
from tool_runner.domain.tool_request import ToolRequest

RULES = ServerRules("sums", tools={"total": ToolRules(description="Adds.", input_schema={"type": "object"})})
FILES = {"total": "result = sum(inputs['numbers'])"}


class Box:
    """Ends as it is told, and says what it was asked."""

    def __init__(self, ended: SandboxResult | None) -> None:
        self.ended, self.asked = ended, list[tuple[str, JsonValue, SandboxLimits]]()

    async def execute(self, code: str, inputs: JsonValue, limits: SandboxLimits) -> SandboxResult:
        self.asked.append((code, inputs, limits))
        if self.ended is None:
            raise SandboxUnavailable("no namespaces here; install bubblewrap")
        return self.ended


async def _nothing() -> None:
    """Nothing is to be written down before the call."""


def called(
    box: Box, tool: str, arguments: dict[str, JsonValue], *, files: Mapping[str, str] | None, seconds: float = 2.0
) -> TryOutcome:
    request = ToolRequest(tool, arguments, time.monotonic() + seconds, Caller("t", "c"))
    return asyncio.run(CodeTools(RULES, files, box, ServerLimits()).call(request, _nothing))


def test_the_arguments_of_a_file_are_its_inputs_and_its_result_is_the_answer() -> None:
    box = Box(SandboxResult("A", 0, "", result=3))
    assert called(box, "total", {"numbers": [1, 2]}, files=FILES) == Answered(3, is_error=False)
    ((code, inputs, limits),) = box.asked
    assert (code, inputs) == (FILES["total"], {"numbers": [1, 2]})
    assert limits.wall_seconds_max <= 2.0


def test_other_code_is_answered_with_all_that_it_left() -> None:
    box = Box(SandboxResult("A", 0, "hello\n", result=3, files={"a.png": b"\x00"}))
    outcome = called(box, "run", {"code": "result = 3", "inputs": {"x": 1}}, files=None)
    assert outcome == Answered({"result": 3, "stdout": "hello\n", "files": {"a.png": "AA=="}}, is_error=False)
    assert box.asked[0][:2] == ("result = 3", {"x": 1})


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (SandboxResult("A", 1, "", error="ValueError: no"), "ValueError: no"),
        (SandboxResult("A", 139, ""), "ended with status 139"),
        (SandboxResult("A", 137, "", timed_out=True, killed_by="wall"), "ended by the limit of wall"),
    ],
)
def test_code_that_fails_is_the_tools_own_error(ended: SandboxResult, said: str) -> None:
    assert called(Box(ended), "total", {}, files=FILES) == Answered({"error": said, "stdout": ""}, is_error=True)


def test_without_a_sandbox_nothing_runs() -> None:
    outcome = called(Box(None), "total", {}, files=FILES)
    assert outcome == NotSent(ErrorClass.SERVER_UNAVAILABLE, "no namespaces here; install bubblewrap")
    late = Box(SandboxResult("A", 0, ""))
    assert isinstance(called(late, "total", {}, files=FILES, seconds=-1), NotSent)
    assert late.asked == []


def test_other_code_is_another_tool() -> None:
    one, other = (CodeTools(RULES, {"total": code}, Box(None), ServerLimits()).listed()[0] for code in ("a", "b"))
    assert (one.name, one.description) == ("total", "Adds.")
    assert one.version != other.version
