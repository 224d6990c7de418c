"""Are questions kept apart that sound alike and ask for something else?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_gateway.domain.semantic_guard import ask_the_same, same_words
from llm_gateway.domain.semantic_match import nearest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is my order 4711?", "Where is my order 4712?"),
        ("Send 10 of the 20", "Send 20 of the 10"),
        ("I have two cards", "I have three cards"),
        ("Reset the password of Anna", "Reset the password of Hanna"),
        ("I want to cancel", "I don't want to cancel"),
        ("I want to cancel", "I don’t want to cancel"),
        ("Do you ship it?", "You never ship it?"),
        ("Move it from savings to checking", "Move it from checking to savings"),
        ("How do I freeze my card?", "How do I unfreeze my card?"),
        ("Freezing my card", "Unfreezing my card"),
        ("Upgrading a plan", "Downgrading a plan"),
        ("My order is complete", "My order is incomplete"),
        ("Is it legal?", "Is it illegal?"),
        ("Is it refundable?", "Is it non-refundable?"),
        ("Are you open on Saturday?", "Are you open on Sunday?"),
        ("Can I pay before delivery?", "Can I pay after delivery?"),
        ("Ship it to Austria", "Ship it to Australia"),
        ("ship it to austria", "ship it to australia"),
        ("Does Pro include SSO?", "Does Basic include SSO?"),
        ("The shirt in size M", "The shirt in size L"),
        ("How do I reach you?", "How do I reach him?"),
    ],
)
def test_what_differs_decisively_is_kept_apart(one: str, other: str) -> None:
    assert not ask_the_same(one, other)
    assert not ask_the_same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I reset my password?", "how do i reset my password"),
        ("Where is my order 4711?", "Hello, where is my order 4711 please?"),
        ("I can't log in", "I cannot log in"),
        ("What is the price?", "What's the price"),
        ("Upgrading my plan", "upgraded my plan"),
    ],
)
def test_the_same_in_other_words_may_share_an_answer(one: str, other: str) -> None:
    assert ask_the_same(one, other)


@given(st.text(), st.text())
def test_the_guard_does_not_care_who_comes_first_and_takes_any_text(one: str, other: str) -> None:
    assert ask_the_same(one, one)
    assert ask_the_same(one, other) == ask_the_same(other, one)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_no_two_numbers_share_an_answer(one: int, other: int) -> None:
    assert ask_the_same(f"Where is order {one}?", f"Where is order {other}?") == (one == other)


def test_the_nearest_is_taken_if_it_is_near_enough() -> None:
    likeness = np.array([0.5, 0.9], dtype=np.float32)
    assert nearest("new card", ["a", "card new"], answers=["x", "y"], likeness=likeness) == 1
    assert nearest("new card", ["a", "card new"], answers=["x", "y"], likeness=likeness, similarity_min=0.91) is None
    assert nearest("new card", [], answers=[], likeness=np.zeros(0, dtype=np.float32)) is None


def test_another_answer_that_is_nearly_as_near_makes_both_doubtful() -> None:
    likeness = np.array([0.93, 0.94], dtype=np.float32)
    assert nearest("card question", ["card", "cards"], answers=["x", "y"], likeness=likeness) is None
    assert nearest("card question", ["card", "cards"], answers=["x", "x"], likeness=likeness) == 1
    assert nearest("Cards!", ["card", "cards"], answers=["x", "y"], likeness=likeness) == 1


def test_what_cannot_be_compared_is_like_nothing() -> None:
    likeness = np.array([np.nan], dtype=np.float32)
    assert nearest("?", ["?"], answers=["x"], likeness=likeness) is None


def test_same_words_are_the_same_whatever_is_between_them() -> None:
    assert same_words("How do I pay?", "how do i PAY")
    assert not same_words("from A to B", "from B to A")
