"""What do `hil sandbox run` and `hil sandbox check` print, and how do they exit?"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hil.sandbox_commands import sandbox_app
from tool_runner.adapters.sandbox.opened import SandboxOptions


def asked(options: SandboxOptions, *words: str) -> tuple[int, str, str]:
    environment = {"TOOL_RUNNER_SANDBOX_DIR": str(options.directory), "COLUMNS": "80"}
    said = CliRunner(env=environment).invoke(sandbox_app, [*words])
    return said.exit_code, said.stdout, str(said.exception)


def test_run_prints_how_it_ended_and_succeeds_whatever_the_code_did(options: SandboxOptions, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("print('héllo'); 1 / 0")
    code, said, _ = asked(options, "run", str(tmp_path / "code.py"), "--json")
    ended = json.loads(said)
    assert [*ended] == ["tier", "exit_code", "stdout", "timed_out", "killed_by", "wall_ms"]
    assert (code, ended["tier"], ended["exit_code"], ended["timed_out"], ended["killed_by"]) == (0, "A", 1, False, None)
    assert ended["stdout"].startswith("héllo\nTraceback")
    code, said, _ = asked(options, "run", str(tmp_path / "code.py"))
    assert (code, said) == (1, ended["stdout"])


def test_code_says_nothing_to_the_terminal_itself(options: SandboxOptions, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(r"print('a\tb\x1b]52;c;Y3VybA==\x07\x1b[2J\r\x9b31m')")
    assert asked(options, "run", str(tmp_path / "code.py"))[1] == (
        "a\tb\\x1b]52;c;Y3VybA==\\x07\\x1b[2J\\x0d\\x9b31m\n"
    )


def test_check_shows_every_attack_and_what_held(options: SandboxOptions) -> None:
    code, said, _ = asked(options, "check", "--json")
    assert code == 0
    assert {found["through"] for found in json.loads(said)} == {""}


@pytest.mark.parametrize(("content", "error"), [(None, "No such file"), (b"\xff", "not UTF-8 at byte 0")])
def test_a_file_that_cannot_be_run_is_named(
    sandbox_dir: Path, tmp_path: Path, content: bytes | None, error: str
) -> None:
    if content is not None:
        (tmp_path / "code.py").write_bytes(content)
    code, _, exception = asked(SandboxOptions(sandbox_dir), "run", str(tmp_path / "code.py"))
    assert code == 1
    assert f"{tmp_path / 'code.py'}: {error}" in exception
