"""The file of queues, and what is said about a wrong one."""

from pathlib import Path

import pytest

from hil_inbox.adapters.queues_file import load_queues
from hil_inbox.adapters.yaml_lines import CHARACTERS_MAX, FileUnusable

WHOLE = """
queues:
  - name: money
    match: {skills: [refunds], reasons: [loop], workflows: [shop]}
    assignment: {mode: least_loaded, teams: [tier2], relax_skills_after: 5m, cool_down: 1m}
    sla: {first_response: 30s, next_response: 5m, resolution: 2d}
    open: {time_zone: Europe/Berlin, hours: ["mon-wed 09:00-12:00", "sat-mon 13:00-24:00", "thu 08:00-09:00"]}
    when_nobody: {callback: "your number?", overflow: general}
    rejection_reasons: [{code: other, label: Other}]
    canned_replies: [{code: hello, label: Hello, text: Good day}]
    rating_text: Did you get your money?
  - name: general
"""


def load(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with it, line by line."""
    path = tmp_path / "queues.yaml"
    path.write_text(text)
    with pytest.raises(FileUnusable) as raised:
        load_queues(path)
    return str(raised.value).replace(f"{path}:", "").splitlines()


def test_a_file_that_says_everything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "queues.yaml"
    path.write_text(WHOLE)
    money, general = load_queues(path)
    assert (money.mode, money.relax_skills_after_ms, money.cool_down_ms) == ("least_loaded", 300_000, 60_000)
    assert (money.terms.first_response_ms, money.terms.resolution_ms) == (30_000, 172_800_000)
    assert [f"{one.day} {one.since}" for one in money.terms.hours] == [
        "mon 09:00", "tue 09:00", "wed 09:00", "sat 13:00", "sun 13:00", "mon 13:00", "thu 08:00",
    ]  # fmt: skip
    assert (money.rating_text, general.rating_text) == ("Did you get your money?", None)
    assert (money.canned_replies[0].text, money.rejection_reasons[0].code) == ("Good day", "other")
    assert (general.terms.first_response_ms, general.match.skills) == (None, frozenset())


def test_the_shipped_file_has_a_queue_for_everything() -> None:
    queues = load_queues(None)
    assert [queue.name for queue in queues] == ["general"]
    assert queues.in_order[-1].when_nobody.message


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("mode: least_loaded", "mode: fastest", "5: queues.0.assignment.mode: Input should be 'claim'"),
        ("sla:", "slo:", "6: queues.0.slo: is not known here; did you mean 'sla'?"),
        ("first_response: 30s", "first_reply: 30s", "6: queues.0.sla.first_reply: is not known here; did you mean"),
        ("queues:", "queue: 1\nqueues:", "2: queue: is not known here; did you mean 'queues'?"),
        ("first_response: 30s", "first_response: soon", "6: queues.0.sla.first_response: String should match"),
        ("overflow: general", "overflow: genral", "8: queues.0.when_nobody.overflow: 'genral' is no other queue; did"),
        ("overflow: general", "overflow: money", "8: queues.0.when_nobody.overflow: 'money' is no other queue"),
        ("{callback", "{message: a, callback", "8: queues.0.when_nobody.callback: the customer is told one thing"),
        ("Europe/Berlin", "Europe/Berln", "7: queues.0.open.time_zone: 'Europe/Berln' is no IANA time zone; did"),
        ("08:00-09:00", "09:00-08:00", "7: queues.0.open.hours.2: 'thu 09:00-08:00': must begin before it ends"),
        ("name: general", "name: money", "12: queues.1.name: 'money' is there twice"),
        ("  - name: general", "  - {name: general, match: {reasons: [x]}}", "12: queues.1.match: 'general' is last"),
        ("queues:", "queues:\n  - {name: all}", "3: queues.0: 'all' matches everything, so 'money' after it gets"),
        ("name: money", "name: money\n    name: money", "4: name: is there twice"),
        ("name: money", "[1, 2]: money", "3: a key must be a plain word"),
        ("[refunds]", "&a [refunds, *a]", " aliases (*name) are not read; write it out"),
        ("name: money", "name: [", "5: file: expected"),
    ],
)
def test_a_mistake_is_told_with_line_field_and_what_to_do(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert any(one.startswith(complaint) for one in load(tmp_path, WHOLE.replace(old, new, 1)))


def test_a_file_that_cannot_be_read_is_told_so(tmp_path: Path) -> None:
    assert load(tmp_path, "") == ["1: file: is empty"]
    assert "over the limit" in load(tmp_path, " " * (CHARACTERS_MAX + 1))[0]
    with pytest.raises(FileUnusable, match="cannot be read"):
        load_queues(tmp_path / "missing.yaml")


def test_many_mistakes_are_told_up_to_a_limit(tmp_path: Path) -> None:
    names = "".join(f"  - {{name: q{number}, slo: 1}}\n" for number in range(25))
    complaints = load(tmp_path, f"queues:\n{names}")
    assert (len(complaints), complaints[-1]) == (21, "and 5 more")
