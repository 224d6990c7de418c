"""Does a domain file load, and do its errors say where they are?"""

import json
from pathlib import Path

import pytest
import yaml

from hil.demo.prepare import next_place, write_servers_file
from hil.domain_file import DomainError, load_domain, shipped_domain

FILE = {
    "name": "books",
    "server": {"command": ["python", "-m", "books"], "env": {"STATE": "{data_dir}/books"}},
    "tasks": "tasks.json",
    "state_key": "tau2/books/{key}",
    "transfer_tool": "transfer",
    "workflow": "books.yaml",
}
TASK = {
    "id": 4,
    "user_scenario": {"instructions": {"reason_for_call": "You want a book.", "known_info": "You are Ann."}},
    "evaluation_criteria": {"actions": [{"name": "find", "arguments": {"title": "x"}}], "communicate_info": ["12"]},
}


def write(folder: Path, records: object = (TASK,), **changes: object) -> Path:
    (folder / "tasks.json").write_text(json.dumps(records))
    path = folder / "books.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in {**FILE, **changes}.items() if value is not None}))
    return path


def test_a_domain_of_ones_own_loads_from_files_beside_it(tmp_path: Path) -> None:
    domain = load_domain(write(tmp_path))
    task = domain.task("4")
    assert task.opening == "You want a book.\nYou are Ann."
    assert (task.actions[0].name, task.communicate_info) == ("find", ("12",))
    assert domain.state_key("c1") == "tau2/books/c1"
    assert domain.file.server.started_with(data_dir=tmp_path)[1] == {"STATE": f"{tmp_path}/books"}
    assert domain.tasks_of("all") == [task]


def test_the_retail_domain_has_74_train_tasks() -> None:
    domain = load_domain(shipped_domain("retail"))
    assert len(domain.tasks_of("train")) == 74
    assert [task.id for task in domain.tasks_of("train") if domain.expects_transfer(task)] == ["10", "50"]
    assert "refund" in domain.policy


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tool": "x"}, "tool: Extra inputs"),
        ({"server": {"command": []}}, "server.command: List should have"),
        ({"workflow": None}, "workflow: Field required"),
        ({"tasks": "none.json"}, "tasks: none.json: no such file"),
        ({"tasks": "package:no_such_package/x.json"}, "package 'no_such_package' is not installed"),
        ({"state_key": "tau2/books"}, "state_key: .* lacks {key}"),
        ({"splits": "splits.json"}, "unknown tasks 9"),
    ],
)
def test_errors_name_file_and_field(tmp_path: Path, changes: dict[str, object], text: str) -> None:
    (tmp_path / "splits.json").write_text('{"train": ["9"]}')
    with pytest.raises(DomainError, match=text):
        load_domain(write(tmp_path, **changes))


def test_a_task_without_a_scenario_is_named(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=r"tasks\.json: 0\.user_scenario: Field required"):
        load_domain(write(tmp_path, [{"id": "1"}]))


def test_two_tasks_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    other = {**TASK, "id": 5, "evaluation_criteria": {"actions": []}}
    with pytest.raises(DomainError, match="tasks 4 and 5 have one scenario"):
        load_domain(write(tmp_path, [TASK, other]))


def test_an_unknown_split_or_task_is_named(tmp_path: Path) -> None:
    domain = load_domain(write(tmp_path))
    with pytest.raises(DomainError, match="no split 'test'"):
        domain.tasks_of("test")
    with pytest.raises(DomainError, match="no task '99'"):
        domain.task("99")


def test_limits_of_a_domains_server_are_told_to_the_tool_runner(tmp_path: Path) -> None:
    servers = write_servers_file(load_domain(shipped_domain("retail")), next_place(tmp_path))
    [server] = yaml.safe_load(servers.read_text())["servers"]
    assert server["limits"] == {"memory_bytes_max": 4_000_000_000}
