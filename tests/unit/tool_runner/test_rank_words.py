"""Do texts that speak of a question's words come first, and is each passage one that can be read alone?"""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tool_runner.domain.passages import PASSAGE_CHARACTERS_MAX, Document, Passage, passages_of
from tool_runner.domain.rank_words import ranked_together, word_index, words_of

TEXTS = st.lists(st.sampled_from(["refund", "order", "parcel", "shoe", "blue", "late", "the", "a"]), max_size=12).map(
    " ".join
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Refunds, REFUND! policies", ["refund", "refund", "policy"]),
        ("cancelPendingOrder get_order_details", ["cancel", "pending", "order", "get", "order", "detail"]),
        ("Größe Café ＡＢＣ 12.5", ["grosse", "cafe", "abc", "12", "5"]),
        ("bus status glass is", ["bus", "status", "glass", "is"]),
        ("", []),
    ],
)
def test_words_are_compared_without_case_accents_and_plurals(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_rare_words_weigh_more_and_texts_without_any_are_left_out() -> None:
    index = word_index(["the order is late", "the order of the shoe", "a parcel"])
    assert [place for place, _ in index.ranked("the shoe order", 5)] == [1, 0]
    assert index.ranked("nothing", 5) == index.ranked("", 5) == word_index([]).ranked("x", 5) == []
    assert len(index.ranked("order", 1)) == 1


@given(texts=st.lists(TEXTS, max_size=8), question=TEXTS)
@settings(max_examples=200, deadline=None, database=None)
def test_scores_are_those_of_the_formula(texts: list[str], question: str) -> None:
    found = dict(word_index(texts).ranked(question, 100))
    wanted = {place: score for place in range(len(texts)) if (score := _bm25(texts, place, question)) > 0}
    assert found == pytest.approx(wanted)


def _bm25(texts: list[str], place: int, question: str) -> float:
    every = [words_of(text) for text in texts]
    mean = max(sum(map(len, every)) / len(every), 1.0)
    score = 0.0
    for word in set(words_of(question)):
        times, holding = every[place].count(word), sum(word in words for words in every)
        weight = math.log(1 + (len(every) - holding + 0.5) / (holding + 0.5))
        score += weight * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * len(every[place]) / mean))
    return score


def test_what_stands_high_in_both_rankings_comes_first() -> None:
    assert [place for place, _ in ranked_together([[7, 1, 2], [2, 3, 1]], 2)] == [2, 1]
    assert ranked_together([[], []], 5) == []


MARKDOWN = """Above.

# Returns
One.

```
# no heading
```
## Shoes ##
Two.
# Other
"""


def test_markdown_is_cut_at_its_headings_and_keeps_the_way_to_them() -> None:
    assert passages_of(Document("a/b.md", MARKDOWN)) == [
        Passage("a/b.md", "", "Above."),
        Passage("a/b.md", "Returns", "One.\n\n```\n# no heading\n```"),
        Passage("a/b.md", "Returns > Shoes", "Two."),
    ]
    assert passages_of(Document("a.txt", "# x\n\ny")) == [Passage("a.txt", "", "# x\n\ny")]


@given(words=st.lists(st.sampled_from(["word", "Ende. ", "\n", "\n\n", "x" * 2_000]), max_size=60))
@settings(max_examples=100, deadline=None, database=None)
def test_no_passage_is_over_the_limit_and_none_of_the_text_is_lost(words: list[str]) -> None:
    text = " ".join(words)
    found = [one.text for one in passages_of(Document("a.txt", text))]
    assert all(0 < len(one) <= PASSAGE_CHARACTERS_MAX for one in found)
    assert "".join("".join(found).split()) == "".join(text.split())
