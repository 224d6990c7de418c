"""The judge of the feed notices each kind of fault in what one of several subscribers was told."""

import pytest
from tests.chaos.feed.followers import Told
from tests.chaos.feed.verdict import FeedVerdict, judge

from hil.desktop.state import DesktopState

EXPECTED = (2, 5, 9)


def state(text: str = "waiting", **others: object) -> DesktopState:
    known = DesktopState(rows={"h1": {"as_of_seq": 9, "state": text}})
    known.lines = {"c1/m1": {"as_of_seq": 2, "text": "hi"}}
    for name, documents in others.items():
        setattr(known, name, documents)
    return known


def judged(ids: tuple[int, ...] = EXPECTED, known: DesktopState | None = None) -> FeedVerdict:
    return judge([(EXPECTED, state()), (ids, known or state())], expected=EXPECTED, snapshot=state())


def test_who_was_told_everything_once_in_order_and_knows_the_snapshot_is_right() -> None:
    assert judged() == FeedVerdict(0, 0, 0, 0, ())
    assert judged().is_clean


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ((2, 9), (1, 0, 0, 0)),
        ((2, 5, 5, 9), (0, 1, 0, 0)),
        ((2, 9, 5), (0, 0, 1, 0)),
        ((2, 5, 7, 9), (0, 0, 0, 1)),
        ((), (3, 0, 0, 0)),
    ],
)
def test_a_gap_a_repeat_a_wrong_order_and_what_is_not_to_be_told_are_noticed(
    ids: tuple[int, ...], found: tuple[int, ...]
) -> None:
    verdict = judged(ids)
    assert (verdict.gaps, verdict.repeats, verdict.disorder, verdict.strange) == found
    assert not verdict.is_clean


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (state("done"), "subscriber 1: rows h1: differs"),
        (state(lines={}), "subscriber 1: lines c1/m1: missing"),
        (state(conversations={"c1": {}}), "subscriber 1: conversations c1: not there any more, or never was"),
    ],
)
def test_a_subscriber_that_knows_something_else_than_the_snapshot_is_noticed(known: DesktopState, text: str) -> None:
    verdict = judged(known=known)
    assert verdict.wrong_states == (text,)
    assert not verdict.is_clean


def test_inboxes_that_say_different_things_under_one_sequence_are_noticed() -> None:
    told = Told()
    first, other = (b'id: 7\nevent: change\ndata: {"seq":7,"n":%d}' % number for number in (1, 2))
    assert (told.take(first), told.take(first), told.differing) == ((7, {"seq": 7, "n": 1}),) * 2 + (set(),)
    assert told.take(other) == (7, {"seq": 7, "n": 2})
    assert told.differing == {7}
