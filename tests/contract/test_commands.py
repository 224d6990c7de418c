"""Do the commands that the README names exist, in the number and the form that we promise?"""

import os
import re
import subprocess
from pathlib import Path

import yaml
from tests.support.deployment_files import tool

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def help_lines() -> list[str]:
    command = ["make", "--no-print-directory", "help"]  # Under another make it would say where it is.
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return shown.stdout.splitlines()


def test_make_help_explains_every_target_and_there_are_at_most_twelve() -> None:
    explained = {line.split()[0] for line in help_lines()}
    [phony] = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert explained == set(phony.split())
    assert {"help", "demo", "test", "check", "up", "down", "bench", "catalogue", "chaos"} <= explained
    assert len(explained) <= 12


def test_every_target_that_needs_the_environment_sets_it_up_first() -> None:
    without_setup = re.findall(r"^([a-z]+):(?! setup\b).*##", MAKEFILE, re.MULTILINE)
    assert set(without_setup) == {"help", "setup", "down"}


def test_chaos_takes_its_seed_and_length_from_the_command_line() -> None:
    command = ["make", "--dry-run", "chaos", "SEED=7", "SECONDS=5"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--seed 7 --seconds 5" in shown.stdout


def test_the_ci_entry_runs_check_and_test_without_input() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert "exec < /dev/null" in text
    assert "make --keep-going check test" in text


def test_commit_hooks_are_local_and_use_the_locked_tools() -> None:
    file = ROOT / ".pre-commit-config.yaml"
    subprocess.run([tool("pre-commit"), "validate-config", str(file)], check=True, capture_output=True)
    repositories = yaml.safe_load(file.read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    assert all(hook["entry"].startswith("uv run --frozen ") for hook in repositories[0]["hooks"])
