"""Does `hil experiment` refuse what cannot be, before it asks anybody?"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hil.experiment_commands import experiment_app
from hil.outcome import CommandError, ExitCode

ARMS = ("--arm", "1.0.0=50", "--arm", "1.1.0=50")
START = ("start", "one", "--workflow", "support")


def refused(directory: Path, *arguments: str) -> CommandError:
    """How a command ends where no system runs."""
    ended = CliRunner().invoke(experiment_app, [*arguments, "--data-dir", str(directory)])
    assert isinstance(ended.exception, CommandError), ended.output
    return ended.exception


@pytest.mark.parametrize("arm", ["1.0.0", "=50", "1.0.0=", "1.0.0=101", "1.0.0=5.5", "1.0.0=-5", "1.0.0=٥"])
def test_an_arm_is_a_version_and_whole_percents(arm: str, tmp_path: Path) -> None:
    error = refused(tmp_path, *START, "--arm", arm, *ARMS)

    assert (error.code, arm in str(error), "such as 1.2.0=50" in str(error)) == (ExitCode.BAD_INPUT, True, True)


def test_a_guardrail_is_a_metric_and_whole_percents(tmp_path: Path) -> None:
    error = refused(tmp_path, *START, *ARMS, "--guardrail", "cost_usd")

    assert (error.code, "--guardrail 'cost_usd'" in str(error)) == (ExitCode.BAD_INPUT, True)


@pytest.mark.parametrize("command", [(*START, *ARMS), ("stop", "one"), ("list",), ("show", "one"), ("report", "one")])
def test_a_tenant_is_a_token(command: tuple[str, ...], tmp_path: Path) -> None:
    error = refused(tmp_path, *command, "--tenant", "two words")

    assert (error.code, "tenant 'two words'" in str(error)) == (ExitCode.BAD_INPUT, True)
