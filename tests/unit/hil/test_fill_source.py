"""Values that come into a workflow before it is published."""

from pathlib import Path

import pytest
import yaml

from hil.fill_source import filled, read_values
from hil.outcome import CommandError


def test_a_value_of_several_lines_stays_inside_its_block() -> None:
    source = "agent:\n  prompt: |\n    First.\n    %{policy}\n  tools: []\n"
    policy = "# Rules\n\n- one: two\n  - three\n"
    loaded = yaml.safe_load(filled(source, {"policy": policy}, file_name="w.yaml"))
    assert loaded == {"agent": {"prompt": "First.\n# Rules\n\n- one: two\n  - three\n", "tools": []}}


def test_a_place_without_a_value_is_named_with_its_line() -> None:
    with pytest.raises(CommandError, match=r"w\.yaml:2: %\{policy\} has no value"):
        filled("a: 1\nb: '%{policy}'", {}, file_name="w.yaml")


def test_a_source_without_places_is_unchanged() -> None:
    source = "a: 100% {b}\r\nc: '{{ turn.text }}'\n\n"
    assert filled(source, {"policy": "x"}, file_name="w.yaml") == source


def test_values_come_from_the_command_line_or_from_files(tmp_path: Path) -> None:
    (tmp_path / "policy.md").write_text("be kind")
    assert read_values(["a=b=c", f"policy=@{tmp_path / 'policy.md'}"]) == {"a": "b=c", "policy": "be kind"}


@pytest.mark.parametrize("setting", ["policy", "=x", "1a=x", "policy=@/nowhere/at/all"])
def test_a_setting_that_cannot_be_read_is_refused(setting: str) -> None:
    with pytest.raises(CommandError, match="--set"):
        read_values([setting])
