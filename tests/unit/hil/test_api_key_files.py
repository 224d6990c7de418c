"""Are keys and secrets whole, whatever happens while they are made, and for their owner's eyes only?"""

import os
import stat
from pathlib import Path

import pytest

from hil.api_key_files import add_key, entry_for, keep_key, keep_secret, new_key
from llm_gateway.adapters.api_keys import ApiKeys, KeyEntry, load_keys


class PowerCut(Exception):
    """Nothing after this happens."""


def cut(*_: object) -> None:
    raise PowerCut


def entry(name: str = "hil up", key: str = "k") -> KeyEntry:
    return entry_for(key, name=name, tenant="acme", scopes=frozenset({"chat"}))


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "api_key"
    before = os.umask(0)
    try:
        assert keep_secret(file, "first") == keep_secret(file, "second") == "first"
        add_key(tmp_path / "keys.yaml", entry())
    finally:
        os.umask(before)
    assert (mode(file), mode(tmp_path / "keys.yaml")) == (0o600, 0o600)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_a_secret_is_made_leaves_none_and_the_next_start_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "api_key"
    with monkeypatch.context() as crash, pytest.raises(PowerCut):
        crash.setattr(os, step, cut)
        keep_secret(file, "lost")
    assert list(tmp_path.iterdir()) == []
    assert keep_secret(file, "made") == keep_secret(file, "other") == "made"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_a_key_is_added_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "keys.yaml"
    add_key(file, entry("one"))
    with monkeypatch.context() as crash, pytest.raises(PowerCut):
        crash.setattr(os, step, cut)
        add_key(file, entry("two"))
    assert [known.name for known in load_keys(file).keys] == ["one"]
    add_key(file, entry("two"))


def test_an_empty_file_that_a_crash_left_is_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "api_key"
    file.write_text("")
    assert keep_secret(file, "made") == "made"
    assert mode(file) == 0o600


def test_a_key_that_was_made_anew_takes_the_place_of_its_predecessor_alone(tmp_path: Path) -> None:
    file, old, new = tmp_path / "keys.yaml", new_key(), new_key()
    keep_key(file, entry("hil up", old))
    add_key(file, entry("mine", "k"))
    for _ in range(2):
        keep_key(file, entry("hil up", new))
    keys = ApiKeys(file)
    assert keys.caller(f"Bearer {old}") is None
    assert [keys.caller(f"Bearer {key}") is not None for key in (new, "k")] == [True, True]
