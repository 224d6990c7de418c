"""Does a script give the answers that were written down, in the order that was meant?"""

from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.unit.replay_model.conversation import request_of

from hil.replay_model import Rule, Script, ScriptedCall, load_script
from hil.replay_model.answers import Cut, HttpError, Malformed, Never, Reply
from hil.replay_model.script import ScriptError


def said(text: str = "hello") -> object:
    return request_of([{"role": "user", "content": text}], [{"function": {"name": "shop__search"}}])


def test_rules_are_used_in_order_and_up() -> None:
    script = Script([Rule(text="one"), Rule(text="two", times=2)])
    texts = [taken and taken[0] for taken in (script.take(said()) for _ in range(4))]  # type: ignore[arg-type]
    assert texts == [Reply("one"), Reply("two"), Reply("two"), None]


def test_a_rule_waits_for_the_message_that_it_matches() -> None:
    script = Script([Rule(match="refund", text="refunded"), Rule(text="else", times=None)])
    assert script.take(said("hello")) == (Reply("else"), 0.0)  # type: ignore[arg-type]
    assert script.take(said("a refund please")) == (Reply("refunded"), 0.0)  # type: ignore[arg-type]


def test_troubles_can_be_written_down() -> None:
    rules = [
        Rule(status=429, retry_after_seconds=2),
        Rule(malformed="{"),
        Rule(text="abc", cut_after_bytes=5),
        Rule(never=True),
        Rule(json_={"a": 1}, delay_seconds=0.5),
    ]
    script = Script(rules)
    kinds = [script.take(said()) for _ in rules]  # type: ignore[arg-type]
    assert kinds == [
        (HttpError(429, "scripted error 429", 2), 0.0),
        (Malformed("{"), 0.0),
        (Cut(Reply("abc"), 5), 0.0),
        (Never(), 0.0),
        (Reply('{"a": 1}'), 0.5),
    ]


def test_scripted_calls_take_the_offered_name_and_may_be_broken() -> None:
    script = Script([Rule(tool_calls=(ScriptedCall(name="search", arguments="{not json"),))])
    taken = script.take(said())  # type: ignore[arg-type]
    assert taken is not None and isinstance(taken[0], Reply)
    assert (taken[0].tool_calls[0].name, taken[0].tool_calls[0].arguments) == ("shop__search", "{not json")


def test_a_rule_that_says_nothing_or_two_things_is_refused() -> None:
    for fields in ({}, {"text": "a", "status": 500}):
        with pytest.raises(ValidationError, match="exactly one"):
            Rule.model_validate(fields)


def test_a_script_file_is_read_and_its_errors_name_it(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('{"rules": [{"json": {"ok": true}}]}')
    assert load_script(path).take(said()) == (Reply('{"ok": true}'), 0.0)  # type: ignore[arg-type]
    path.write_text('{"rules": [{"status": 200}]}')
    with pytest.raises(ScriptError, match=r"script\.json"):
        load_script(path)
