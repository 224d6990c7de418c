"""How does code run in the sandbox, and how does each end of it look?"""

import dataclasses

import pytest

from tool_runner.adapters.sandbox.boxed_sandbox import BoxedSandbox
from tool_runner.domain.sandbox import MIB, SandboxLimits

pytestmark = pytest.mark.asyncio(loop_scope="module")  # One keeper for all of them.
LIMITS = SandboxLimits(wall_seconds_max=20)


async def test_code_gets_its_inputs_and_its_result_comes_back(sandbox: BoxedSandbox) -> None:
    code = "print('adding'); result = {'sum': sum(inputs['numbers'])}"
    ended = await sandbox.execute(code, {"numbers": [1, 2, 3]}, LIMITS)
    assert (ended.tier, ended.exit_code, ended.stdout, ended.result) == ("A", 0, "adding\n", {"sum": 6})
    assert (ended.error, ended.killed_by, ended.timed_out) == ("", None, False)
    assert ended.wall_ms > 0


async def test_what_it_writes_to_the_output_folder_comes_back(sandbox: BoxedSandbox) -> None:
    ended = await sandbox.execute("open('out/a.bin', 'wb').write(bytes(range(256)))", None, LIMITS)
    assert ended.files == {"a.bin": bytes(range(256))}


@pytest.mark.parametrize(
    ("code", "exit_code", "error"),
    [
        ("1 / 0", 1, "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", 3, "SystemExit: 3"),
        ("def broken(:", 1, "SyntaxError: invalid syntax (main.py, line 2)"),
        ("result = {1, 2}", 1, "TypeError: Object of type set is not JSON serializable"),
        ("result = float('nan')", 1, "ValueError: Out of range float values are not JSON compliant"),
        ("import os; os._exit(7)", 7, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 139, ""),
    ],
)
async def test_code_that_fails_is_told_as_it_failed(
    sandbox: BoxedSandbox, code: str, exit_code: int, error: str
) -> None:
    ended = await sandbox.execute(f"print('before')\n{code}", None, LIMITS)
    assert (ended.exit_code, ended.error, ended.killed_by) == (exit_code, error, None)
    assert ended.stdout.startswith("before\n") == ("broken" not in code)


async def test_what_was_printed_before_the_deadline_is_kept(sandbox: BoxedSandbox) -> None:
    limits = dataclasses.replace(LIMITS, wall_seconds_max=0.5)
    ended = await sandbox.execute("print('so far')\nwhile True: pass", None, limits)
    assert (ended.stdout, ended.timed_out, ended.killed_by, ended.exit_code) == ("so far\n", True, "wall", 137)


async def test_more_memory_than_allowed_ends_it(sandbox: BoxedSandbox) -> None:
    limits = dataclasses.replace(LIMITS, memory_bytes_max=64 * MIB)
    ended = await sandbox.execute("print('so far')\nx = bytearray(2 ** 30)", None, limits)
    assert (ended.stdout, ended.killed_by, ended.timed_out) == ("so far\n", "memory", False)
