"""What does a servers file say, and what is said about a wrong one?"""

import sys
from pathlib import Path

import pytest

from tool_runner.adapters.servers_file import ServersFileError, load_servers
from tool_runner.domain.manifest import SideEffect

GOOD = """
servers:
  - name: retail
    command: [python, -m, shop]
    env: {STATE_DIR: /state}
    state_key: "tau2/retail/{key}"
    hidden_tools: [reset_state]
    defaults: {side_effect: read, timeout_ms: 5000}
    tools:
      cancel: {side_effect: write, idempotency_argument: key}
      look: {idempotent: true}
    limits: {memory_bytes_max: 1000000000, concurrency: 4, breaker_failures_max: 2}
  - name: functions
    tools:
      dumps: {python: "textwrap:dedent", side_effect: read}
"""


def written(directory: Path, text: str) -> Path:
    path = directory / "servers.yaml"
    path.write_text(text)
    return path


def test_a_server_is_read_with_its_defaults(tmp_path: Path) -> None:
    retail, functions = load_servers(written(tmp_path, GOOD), search_path="/bin")
    assert retail.launch is not None
    assert retail.launch.command == (sys.executable, "-m", "shop")
    assert retail.launch.env == {"PATH": "/bin", "LANG": "C.UTF-8", "STATE_DIR": "/state"}
    assert retail.rules.tools["cancel"].side_effect is SideEffect.WRITE
    assert retail.rules.tools["cancel"].timeout_ms == 5000
    assert retail.rules.tools["look"].side_effect is SideEffect.READ
    assert (retail.limits.concurrency, retail.limits.breaker.failures_max) == (4, 2)
    assert list(functions.functions) == ["dumps"]


def test_without_a_file_there_are_no_servers() -> None:
    assert load_servers(None, search_path="/bin") == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("servers: [{name: a, command: [x], colour: red}]", "servers.a.colour: Extra inputs"),
        ("servers: [{name: A B, command: [x]}]", "servers.A B.name: String should match"),
        ("servers: [{name: a}]", "a server has a command, or `python` at every tool"),
        ("servers: [{name: a, command: [x], tools: {t: {python: 'm:f'}}}]", "has no Python tools: t"),
        ("servers: [{name: a, command: [x]}, {name: a, command: [y]}]", "servers named twice: a"),
        ("servers: [{name: a, command: [x], tools: {t: {side_effect: maybe}}}]", "servers.a.tools.t.side_effect"),
        ("servers: [{name: a, command: [x], tools: {t: {timeout_ms: 0}}}]", "servers.a.tools.t.timeout_ms"),
        ("servers: [{name: a, tools: {t: {python: 'no_such_module:f'}}}]", "no_such_module:f: No module named"),
        ("servers: [{name: a, tools: {t: {python: 'sys:maxsize'}}}]", "sys:maxsize is not a function"),
        ("servers: [", "while parsing"),
        ("[]", "file: Input should be"),
        ("servers: [1]", "servers.0: Input should be"),
    ],
)
def test_a_wrong_file_is_refused_with_file_field_and_reason(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ServersFileError) as refused:
        load_servers(path, search_path="/bin")
    assert str(refused.value).startswith(f"{path}: ")
    assert complaint in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServersFileError, match="No such file"):
        load_servers(tmp_path / "none.yaml", search_path="/bin")
