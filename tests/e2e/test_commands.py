"""Do the commands of `hil` do what a person expects of them on a running system, wrong input included?"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.programs import Ended, run_program
from tests.support.wait_until import wait_until
from tests.support.whole_system import SHOP, TENANT, WholeSystem, json_rows, whole_system

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
READERS = {"orchestrator", "hil-inbox", "analytics"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    async with whole_system(tmp_path_factory.mktemp("system")) as running:
        yield running


def send(system: WholeSystem, key: str, text: str, *options: str) -> asyncio.Future[Ended]:
    return asyncio.ensure_future(system.hil("send", "-c", key, "-t", "1", text, *options))


async def test_send_waits_for_the_answer_and_says_that_it_was_replayed(system: WholeSystem) -> None:
    as_text = await send(system, "send-1", "hello", "--wait", "20")
    assert as_text == Ended(0, "AI (replayed): you said: hello\n", "")
    again = await send(system, "send-1", "hello", "--wait", "20", "--json")
    [row] = json_rows(again)
    assert (again.status, row["outcome"], row["messages"]) == (0, "answered", ["you said: hello"])
    assert (row["sink"], row["replayed"]) == ("FINISH", True)
    assert row["cost_usd"] is not None
    conflict = await send(system, "send-1", "something else", "--wait", "20")
    assert conflict.status == 1
    assert conflict.out.startswith("refused: text_conflict")


async def test_send_says_who_takes_over_and_what_is_refused(system: WholeSystem) -> None:
    handed, unknown = await asyncio.gather(
        send(system, "send-2", "do transfer", "--wait", "20", "--json"),
        send(system, "send-3", "hello", "--wait", "20", "--workflow", "nowhere"),
    )
    [row] = json_rows(handed)
    assert (handed.status, row["outcome"], row["reason"]) == (0, "handed_over", "agent_request")
    assert (unknown.status, unknown.out.startswith("refused: unknown_workflow")) == (1, True)


async def test_send_refuses_what_cannot_be_sent(system: WholeSystem, tmp_path: Path) -> None:
    huge = tmp_path / "huge.txt"
    huge.write_text("a" * 1_200_000)
    latin = tmp_path / "latin.txt"
    latin.write_bytes("für".encode("latin-1"))
    nobody, no_key, bad_key, too_large, not_text, missing = await asyncio.gather(
        run_program(sys.executable, "-m", "hil", "send", "-c", "c", "-t", "1", "x", "-d", str(tmp_path / "nobody")),
        system.hil("send", "-t", "1", "hello"),
        system.hil("send", "-c", "a.b", "-t", "1", "hello"),
        system.hil("send", "-c", "c", "-t", "1", "--file", str(huge)),
        system.hil("send", "-c", "c", "-t", "1", "--file", str(latin)),
        system.hil("send", "-c", "c", "-t", "1", "--file", str(tmp_path / "missing")),
    )
    assert (nobody.status, "no running system" in nobody.err) == (3, True)
    assert (no_key.status, "--conversation" in no_key.err) == (2, True)
    assert (bad_key.status, "conversation 'a.b' is not" in bad_key.err) == (2, True)
    assert (too_large.status, "over 262144 bytes (256 KiB)" in too_large.err) == (2, True)
    assert (not_text.status, "not UTF-8" in not_text.err) == (2, True)
    said = " ".join(
        missing.err.replace("│", " ").split()
    )  # In a box, whose lines break where the path's length has it.
    assert (missing.status, "does not exist" in said) == (2, True)
    everything = (nobody, no_key, bad_key, too_large, not_text, missing)
    assert not any("Traceback" in ended.err for ended in everything)


async def test_stop_ends_what_is_going_on(system: WholeSystem) -> None:
    asking = send(system, "stopped", "do slow:12000 append:stopped-0", "--wait", "60", "--json")

    async def calls_a_tool() -> bool:
        found = [entry.message for entry in await system.log("stopped")]
        return any(message is not None and message.route.name == "tool_call.execute" for message in found)

    await wait_until(calls_a_tool, timeout_seconds=20)
    stopped, nobody = await asyncio.gather(
        system.hil("stop", "stopped", "--reason", "enough"), system.hil("stop", "never-heard-of")
    )
    assert (stopped.status, stopped.out) == (0, "stopped is asked to stop\n")
    assert (nobody.status, "nothing is known of key 'never-heard-of'" in nobody.err) == (1, True)
    [row] = json_rows(await asking)
    assert (row["outcome"], row["reason"]) == ("handed_over", "stopped")
    assert system.effects_of("stopped") == []


async def test_inspect_shows_the_timeline_and_replay_decides_it_again(system: WholeSystem) -> None:
    await system.ask("looked-at", "do append:looked-at-0")
    table, rows, replayed, unknown, unknown_replay, bad = await asyncio.gather(
        system.hil("inspect", "looked-at"),
        system.hil("inspect", "looked-at", "--json"),
        system.hil("replay", "looked-at", "--json"),
        system.hil("inspect", "never-heard-of"),
        system.hil("replay", "never-heard-of"),
        system.hil("inspect", "a.b"),
    )
    assert (table.status, "Log of looked-at" in table.out) == (0, True)
    kinds = [row["kind"] for row in json_rows(rows)]
    assert kinds == [
        "evt.message.received.v1",
        "cmd.completion.request.v1",
        "evt.completion.produced.v1",
        "cmd.tool_call.execute.v1",
        "evt.tool_call.completed.v1",
        "cmd.completion.request.v1",
        "evt.completion.produced.v1",
        "evt.message.sent.v1",
        "evt.execution.finished.v1",
    ]
    assert (replayed.status, json_rows(replayed)) == (0, [{"decisions": 5, "differences": []}])
    assert (unknown.status, unknown_replay.status, bad.status) == (1, 1, 2)


async def test_dead_letters_are_listed_shown_and_replayed(system: WholeSystem) -> None:
    subject = f"hil.evt.message.received.v1.{TENANT}.bad"
    await system.connection.publish_surely(subject, b'{"text": "hello"}', headers={})

    async def buried() -> bool:
        return {letter.service for letter in await system.dead_letters()} == READERS

    await wait_until(buried)
    listed = json_rows(await system.hil("dlq", "list", "--json"))
    assert {(row["subject"], row["service"]) for row in listed} == {(subject, service) for service in READERS}
    assert all("turn_id" in str(row["reason"]) for row in listed)
    number = str(listed[0]["letter"])
    shown, table, replayed, missing, nothing = await asyncio.gather(
        system.hil("dlq", "show", number),
        system.hil("dlq", "list"),
        system.hil("dlq", "replay", number, "--keep", "--json"),
        system.hil("dlq", "show", "99999"),
        system.hil("dlq", "replay"),
    )
    assert json.loads(shown.out)["body"] == {"text": "hello"}
    assert "dead letters" in table.out
    assert (replayed.status, json_rows(replayed)[0]["letter"]) == (0, int(number))
    assert (missing.status, missing.err) == (2, "hil: there is no dead letter 99999\n")
    assert nothing.status == 2

    async def buried_again() -> bool:
        return len(await system.dead_letters()) == 2 * len(READERS)

    await wait_until(buried_again)  # It is as bad as before, and each reader says so again.


async def test_workflows_are_checked_published_listed_and_rolled_back(system: WholeSystem, tmp_path: Path) -> None:
    one, two, bad = (tmp_path / name for name in ("one.yaml", "two.yaml", "bad.yaml"))
    one.write_text(SHOP.replace("name: shop", "name: versioned"))
    two.write_text(one.read_text().replace("version: 1.0.0", "version: 2.0.0").replace("max_cost: 1", "max_cost: 2"))
    bad.write_text(one.read_text().replace("to: FINISH", "to: FINNISH").replace("max_retries: 3", "max_retries: many"))
    checked, wrong, missing = await asyncio.gather(
        system.hil("workflow", "validate", str(one), str(two), "--json"),
        system.hil("workflow", "validate", str(bad)),
        system.hil("workflow", "validate", str(tmp_path / "missing.yaml")),
    )
    assert (checked.status, [row["version"] for row in json_rows(checked)]) == (0, ["1.0.0", "2.0.0"])
    assert (wrong.status, missing.status) == (2, 2)
    assert all(line.startswith(f"{bad}:") for line in wrong.err.splitlines())
    assert "FINISH" in wrong.err
    assert "max_retries" in wrong.err

    for file in (one, two):
        assert (await system.hil("workflow", "publish", str(file))).status == 0
    assert await in_force(system) == "2.0.0"
    back, refused, unknown = (
        await system.hil("workflow", "rollback", "versioned"),
        await system.hil("workflow", "publish", str(bad)),
        await system.hil("workflow", "rollback", "never-heard-of"),
    )
    assert (back.status, refused.status, unknown.status) == (0, 2, 1)
    assert await in_force(system) == "1.0.0"


async def in_force(system: WholeSystem) -> object:
    """The one version of `versioned` that new executions take."""
    rows = json_rows(await system.hil("workflow", "list", "--json"))
    [version] = [row["version"] for row in rows if row["name"] == "versioned" and row["in_force"]]
    return version
