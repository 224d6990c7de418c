"""Does `hil desktop check` pass the desktop that customers copy, and name what is wrong with a broken one?"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from hil.desktop.check import checked, checked_over_nats
from hil.desktop.rules import OVER_NATS, RULES, Broken, RuleName
from hil.main import app
from tests.support.programs import ROOT

EXAMPLE = ROOT / "examples/desktop/over_http.py"
NATS_EXAMPLE = ROOT / "examples/desktop/over_nats.py"
AT_A_TIME = 4
PYTHON = (sys.executable, "-I", "-S")  # Nothing but the standard library is there.

SENT = """id_ = self.command("reply", handover, {"text": text})["message_id"]
        self.lines["mine"][id_] = {"id": id_, "state": "sent", "message_id": id_}
        return {"outcome": "done", "message_id": id_}"""
BROKEN = {
    "logs to standard output": ("protocol", "self.live = True", "print('took', event)", "the line was took"),
    "names no agent": ("token", '"Hil-Actor"', '"Actor"', "GET /v1/queue"),
    "reads one page": ("whole-snapshot", "list(pages(f", "next([one] for one in pages(f", "next_cursor"),
    "starts from the newest page": ("smallest-cursor", "min(page[", "max(page[", "the feed was asked for after"),
    "drops what comes first after a break": (
        "left-out",
        "for event, data in events(self.cursor):\n",
        "stream = events(self.cursor)\n"
        "                if self.__dict__.pop('again', None): next(stream)\n"
        "                for event, data in stream:\n"
        "                    self.again = event != 'reset'\n",
        " is shown as ",
    ),
    "trips over an unknown event": ("left-out", 'event == "change"', 'event != "typing"', "`seq` is still"),
    "takes older rows": ("went-back", '["as_of_seq"] >= self', '["as_of_seq"] >= 0 * self', "and took its place"),
    "shows a line twice": ("twice", '(line["id"], line)', '(line["id"] + str(time.time()), line)', "is shown 2 times"),
    "resumes too early": (
        "resume",
        "Last_Event_ID=str(cursor)",
        "Last_Event_ID=str(cursor - 3)",
        "was asked for after",
    ),
    "resumes behind half an event": (
        "resume",
        'if field == "event":',
        'if field == "id":\n            desktop.cursor = int(value)\n        elif field == "event":',
        "the connection broke within event",
    ),
    "ignores a reset": ("reset", "self.cursor = None\n        elif", "pass\n        elif", "no snapshot was read"),
    "keeps what it knew before a reset": ("left-out", "self.rows = {row", "self.rows |= {row", "made it done"),
    "is always live": ("not-live", "self.live = False\n            time", "time", "`live` was true after the break"),
    "claims without If-Match": ("if-match", "If_Match=etag, ", "", "claim of mine-h came without If-Match"),
    "makes up an etag": ("if-match", "If_Match=etag", "If_Match='\"e7\"'", 'had told "e0"'),
    "asks again under a new key": ("one-key", "Idempotency_Key=key", "Idempotency_Key=str(uuid4())", "then under"),
    "hides a lost race": ("lost-race", '"outcome": "refused"', '"outcome": "done"', "got 409 with owner_id bo"),
    "calls a lost answer done": (
        "not-before-answer",
        'print(f"{verb}: asked again after {error}", file=sys.stderr)',
        'return {"outcome": "done"}',
        "no answer to it was ever sent",
    ),
    "shows a claim at once": (
        "not-before-answer",
        'return self.command("claim"',
        'self.rows[handover] |= {"owner_id": "ada"}\n        return self.command("claim"',
        "is shown as claimed by ada",
    ),
    "shows a reply as sent at once": (
        "not-before-answer",
        'return self.command("reply", handover, {"text": text})',
        SENT,
        "only taken, with 202",
    ),
}
"""What is wrong with it: the rule that it breaks, what is replaced in the example by what, what is said about it."""


BROKEN_OVER_NATS = {
    "names another reply": (
        "protocol",
        '"outcome": "done", "message_id": message_id',
        '"outcome": "done", "message_id": "x"',
        "`reply` was answered with x",
    ),
    "goes on too late": (
        "left-out",
        "opt_start_seq=self.cursor + 1",
        "opt_start_seq=self.cursor + (2 if self.cursor else 1)",
        "it is ('assigned', 'dora') since event",
    ),
    "takes old facts": ("went-back", "> self.epochs.get(key, 0):", "> 0:", "as ('assigned', 'cleo'); it is"),
    "shows a message twice": ("twice", "{})[id_] = line", "{})[self.cursor] = line", "again-m of again is shown 2"),
    "is always live": ("not-live", "self.live and self.client.is_connected", "True", "NATS was stopped"),
    "claims under any epoch": (
        "if-match",
        '"actor_id": ACTOR, "ownership_epoch": self.epochs[key]',
        '"actor_id": ACTOR, "ownership_epoch": 7',
        "names ownership_epoch 7",
    ),
    "gives replies no id": (
        "one-key",
        'headers={"Nats-Msg-Id": message_id}',
        'headers={"Nats-Msg-Id": message_id} if "claim" in name else {}',
        "message.send of mine came without Nats-Msg-Id",
    ),
    "hides a lost race": ("lost-race", '"outcome": "refused"', '"outcome": "done"', "named bo"),
    "does not wait for the fact": (
        "not-before-answer",
        "await asyncio.wait_for(answered, ANSWER_SECONDS)",
        "'claimed', {}",
        "no fact had answered it",
    ),
}

Check = Callable[[Path], Awaitable[list[Broken]]]


async def over_http(file: Path, seed: int = 1) -> list[Broken]:
    return await checked((*PYTHON, str(file)), seed=seed, wait_seconds=5)


async def over_nats(file: Path, seed: int = 1) -> list[Broken]:
    return await checked_over_nats((sys.executable, str(file)), seed=seed, wait_seconds=4)


async def said_of(program: str, file: Path, check: Check, at_a_time: asyncio.Semaphore) -> list[Broken]:
    await asyncio.to_thread(file.write_text, program)
    async with at_a_time:
        return await check(file)


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_example_keeps_every_rule(seed: int) -> None:
    assert await over_http(EXAMPLE, seed) == []


async def test_the_example_over_nats_keeps_every_rule() -> None:
    assert await over_nats(NATS_EXAMPLE, seed=3) == []


@pytest.mark.parametrize(
    ("example", "check", "mistakes", "rules"),
    [(EXAMPLE, over_http, BROKEN, tuple(RULES)), (NATS_EXAMPLE, over_nats, BROKEN_OVER_NATS, OVER_NATS)],
    ids=["http", "nats"],
)
async def test_each_broken_desktop_is_told_its_own_reason(
    example: Path,
    check: Check,
    mistakes: dict[str, tuple[str, str, str, str]],
    rules: Sequence[RuleName],
    tmp_path: Path,
) -> None:
    text, at_a_time = await asyncio.to_thread(example.read_text), asyncio.Semaphore(AT_A_TIME)
    programs = []
    for number, (_, old, new, _) in enumerate(mistakes.values()):
        assert text.count(old) == 1, old
        programs.append(said_of(text.replace(old, new), tmp_path / f"desktop{number}.py", check, at_a_time))
    for name, found in zip(mistakes, await asyncio.gather(*programs), strict=True):
        rule, _, _, shown_by = mistakes[name]
        assert any(one.rule == rule and shown_by in one.shown_by for one in found), (name, [str(one) for one in found])
    assert {rule for rule, *_ in mistakes.values()} == set(rules), "each rule can be broken"


def test_a_broken_desktop_ends_the_command_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["desktop", "check", "--", sys.executable, "-c", "raise SystemExit(7)"])
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert told.out.startswith("protocol: It answers each order with one line of JSON")
    assert "the desktop has ended, with status 7" in told.out
    assert f"1 of {len(RULES)} rules were broken" in told.err


def test_a_command_that_does_not_exist_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["desktop", "check", "--", "no-such-desktop"])
    assert ended.value.code == 2
    assert "no-such-desktop: No such file" in capsys.readouterr().err
