"""What becomes of what a server writes to its error output?"""

import sys

import pytest
import structlog
from structlog.testing import CapturingLogger

from tests.support.wait_until import wait_until
from tool_runner.adapters.mcp_process import ERROR_CHARACTERS_MAX, ERROR_LINES_MAX, Launch, spawned

SPEAKS = """
import sys
print("paid by anna@example.com with 4111 1111 1111 1111", file=sys.stderr)
print("x" * 30_000_000, file=sys.stderr)
for number in range(3_000):
    print("line", number, file=sys.stderr)
print("{}", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    kept = CapturingLogger()
    monkeypatch.setattr("tool_runner.adapters.mcp_process.log", structlog.wrap_logger(kept, [], structlog.BoundLogger))
    return kept


def launch(*, show_errors: bool) -> Launch:
    return Launch((sys.executable, "-c", SPEAKS), env={"PYTHONUNBUFFERED": "1"}, show_errors=show_errors, name="shop")


async def test_lines_are_logged_without_personal_data_and_not_without_end(logged: CapturingLogger) -> None:
    async with spawned(launch(show_errors=True)):
        await wait_until(lambda: len(logged.calls) >= ERROR_LINES_MAX)
    texts = [call.kwargs["text"] for call in logged.calls]
    assert texts[0] == "paid by [REDACTED_EMAIL] with [REDACTED_CARD]"
    assert {call.kwargs["server"] for call in logged.calls} == {"shop"}
    assert len(texts) == ERROR_LINES_MAX
    assert max(map(len, texts)) <= ERROR_CHARACTERS_MAX


async def test_nothing_is_read_where_it_is_not_asked_for(logged: CapturingLogger) -> None:
    async with spawned(launch(show_errors=False)) as running:
        assert running.process.stderr is None
    assert logged.calls == []
