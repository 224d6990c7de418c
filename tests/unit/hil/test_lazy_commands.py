"""Do commands come into memory only when they are called?"""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from hil.main import COMMANDS, app

HEAVY = ("openai", "mcp", "fastapi")


def test_the_help_names_every_command_and_an_unknown_one_is_refused() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert [name for name in COMMANDS if f" {name} " not in shown.stdout] == []
    assert "No such command" in CliRunner().invoke(app, ["nope"]).output


@pytest.mark.parametrize("words", [["workflow", "--help"], ["send", "--help"], ["dlq", "--help"]])
def test_a_command_imports_nothing_of_the_others(words: list[str]) -> None:
    program = f"""
import sys
from typer.testing import CliRunner
from hil.main import app
assert CliRunner().invoke(app, {words!r}).exit_code == 0
print(*(name for name in {HEAVY!r} if name in sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.stdout.strip(), ended.stderr, ended.returncode) == ("", "", 0)
