"""Can programs that know nothing but contracts/README.md take part: a client in Python, one in Node, a desktop?"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.log_contract import breaches, stored_messages
from tests.support.npm import installed
from tests.support.programs import Ended, run_program

from hil.embedded.plan import OneProcessEach, ReplayModel, StackPlan
from hil.embedded.ports import free_port
from hil.embedded.stack import running_stack

ROOT = Path(__file__).parents[2]
PYTHON_CLIENT = (sys.executable, str(ROOT / "examples/python_client/client.py"))
DESKTOP = (sys.executable, str(ROOT / "examples/desktop/desktop.py"))
WORKFLOWS = (ROOT / "workflows/first.yaml", ROOT / "tests/e2e/person.yaml")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
each_client = pytest.mark.parametrize("language", ["python", "node"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nats_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A whole system with a model that says again what it is told, and two workflows."""
    data_dir = tmp_path_factory.mktemp("system")
    plan = StackPlan(data_dir, layout=OneProcessEach(), model=ReplayModel())
    async with running_stack(plan, lambda _: None) as stack:
        for file in WORKFLOWS:
            published = await run_program(
                sys.executable, "-m", "hil", "workflow", "publish", str(file), "--data-dir", str(data_dir)
            )
            assert published.status == 0, published.err
        yield stack.endpoints["nats"]


def client(language: str) -> tuple[str, ...]:
    if language == "python":
        return PYTHON_CLIENT
    return ("node", str(installed(ROOT / "examples/node_client") / "client.js"))


async def write(language: str, nats_url: str, text: str, **options: str) -> Ended:
    named = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    return await run_program(*client(language), "--nats", nats_url, *named, text)


@each_client
async def test_a_client_prints_the_answer(language: str, nats_url: str) -> None:
    ended = await write(language, nats_url, "Do you sell headphones?", conversation=f"{language}-1", workflow="first")
    assert ended == Ended(0, "Do you sell headphones?\n", "")


@each_client
async def test_the_same_turn_again_gets_the_recorded_answer(language: str, nats_url: str) -> None:
    same = {"conversation": f"{language}-2", "workflow": "first"}
    first, second = [await write(language, nats_url, "Hello ö", **same) for _ in range(2)]
    assert first == second == Ended(0, "Hello ö\n", "")


@each_client
async def test_a_turn_id_with_other_text_is_refused(language: str, nats_url: str) -> None:
    same = {"conversation": f"{language}-3", "workflow": "first"}
    await write(language, nats_url, "first text", **same)
    ended = await write(language, nats_url, "other text", **same)
    assert ended.status == 1
    assert "refused: text_conflict" in ended.err


@each_client
async def test_a_client_says_when_no_answer_comes_in_time(language: str, nats_url: str) -> None:
    waiting = {"conversation": f"{language}-4", "workflow": "person", "timeout_seconds": "2"}
    ended = await write(language, nats_url, "I want a person", **waiting)
    assert (ended.status, ended.out) == (4, "")
    assert "a person takes over" in ended.err
    assert "no answer within 2" in ended.err


@each_client
async def test_a_client_says_when_there_is_no_nats(language: str) -> None:
    ended = await write(language, f"nats://127.0.0.1:{free_port()}", "Hello")
    assert ended.status == 3
    assert "does not answer" in ended.err


@each_client
async def test_a_client_without_text_says_how_it_is_used(language: str) -> None:
    ended = await run_program(*client(language))
    assert ended.status == 2
    assert "usage" in ended.err


@each_client
async def test_a_desktop_takes_a_handover_and_its_reply_reaches_the_client(language: str, nats_url: str) -> None:
    conversation = f"{language}-5"
    desktop = run_program(
        *DESKTOP, "--nats", nats_url, "--conversation", conversation, "--actor", "ada", "--reply", "Ada here."
    )
    customer = write(language, nats_url, "I want a person", conversation=conversation, workflow="person")
    at_desk, at_home = await asyncio.gather(desktop, customer)
    steps = ["customer_request; I want a person", "claimed in epoch 1", "replied", "resolved"]
    assert at_desk == Ended(0, "".join(f"{conversation}: {step}\n" for step in steps), "")
    assert (at_home.status, at_home.out) == (0, "Ada here.\n")


async def test_after_a_person_resolved_the_ai_answers_again(nats_url: str) -> None:
    conversation = {"conversation": "after-5"}
    desktop = run_program(*DESKTOP, "--nats", nats_url, "--conversation", "after-5")
    asked = write("python", nats_url, "I want a person", workflow="person", **conversation)
    assert [ended.status for ended in await asyncio.gather(desktop, asked)] == [0, 0]
    ended = await write("python", nats_url, "Thanks!", turn="2", workflow="first", **conversation)
    assert ended == Ended(0, "Thanks!\n", "")


async def test_of_two_desktops_one_gets_the_handover_and_the_other_is_told_who(nats_url: str) -> None:
    asked = write("python", nats_url, "I want a person", conversation="two-desktops", workflow="person")
    desks = [
        run_program(
            *DESKTOP,
            *("--nats", nats_url, "--conversation", "two-desktops", "--actor", actor, "--timeout-seconds", "10"),
        )
        for actor in ("ada", "grace")
    ]
    ended, *at_desks = await asyncio.gather(asked, *desks)
    assert ended.status == 0
    winner, loser = sorted(at_desks, key=lambda desk: desk.status)
    assert (winner.status, loser.status) == (0, 4)
    assert "is not to be had" in loser.err


async def test_a_desktop_says_when_there_is_nothing_to_do(nats_url: str) -> None:
    ended = await run_program(*DESKTOP, "--nats", nats_url, "--conversation", "nobody-there", "--timeout-seconds", "1")
    assert ended.status == 4
    assert "nothing could be finished within 1" in ended.err


async def test_everything_in_the_log_fits_the_published_schemas_and_headers(nats_url: str) -> None:
    desktop = run_program(*DESKTOP, "--nats", nats_url, "--conversation", "whole-log")
    customer = write("node", nats_url, "I want a person", conversation="whole-log", workflow="person")
    answered = write("python", nats_url, "Hello", conversation="whole-log-2", workflow="first")
    assert [ended.status for ended in await asyncio.gather(desktop, customer, answered)] == [0, 0, 0]
    messages = await stored_messages(nats_url)
    kinds = {msg.subject.rsplit(".", 2)[0] for msg in messages}
    assert {"hil.evt.completion.produced.v1", "hil.evt.message.sent.v1", "hil.evt.handover.resolved.v1"} <= kinds
    assert breaches(messages) == []
