"""Are the settings what the README says, and is what is published what it lists?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.tool_calls import ExecuteToolCall
from tool_runner.app import routes, stream_application
from tool_runner.settings import Settings

README = (Path(__file__).parents[3] / "services/tool-runner/README.md").read_text()


def test_every_setting_is_in_the_readme_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `TOOL_RUNNER_(\w+)` \|.*\| (.+?) \|$", README, re.M))
    assert rows == {name.upper(): field.description for name, field in Settings.model_fields.items()}


def test_what_is_published_and_listened_to_is_in_the_readme() -> None:
    document = stream_application(Settings()).schema.to_specification().to_yaml()
    published = set(re.findall(r"hil\.evt\.[a-z_.]+\.v1", document))
    assert published == set(re.findall(r"^\| `(hil\.evt\.[a-z_.]+\.v1)`", README, re.M))
    assert list(routes(None)) == [ExecuteToolCall]  # type: ignore[arg-type]
    assert ExecuteToolCall.route.type in README


def test_a_wrong_setting_stops_the_start_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOL_RUNNER_LEASE_SECONDS", "soon")
    with pytest.raises(ValidationError, match="lease_seconds"):
        Settings()


@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_secret_for_its_ledger_the_runner_does_not_start(secret: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tool_runner"],
        env={"TOOL_RUNNER_LEDGER_SECRET": secret},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert f"TOOL_RUNNER_LEDGER_SECRET has {len(secret)} characters: give at least 16" in ended.stderr
