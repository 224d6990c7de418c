"""What do field names, regions, models of names and hostile texts change about the search?"""

import sys
import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii import Finding, Kind, TextTooLong, detect, names_by

HOSTILE = ["1" * 50_000, "1111 " * 10_000, "@" * 50_000, "a@" * 25_000, "1:" * 25_000, "1.1." * 12_500, "DE12" * 12_500]
HOSTILE += ["%40" * 16_000, "\u200b1" * 25_000, "\\" * 50_000, "\\u0040a" * 7_000, "&#64;" * 10_000, "\uff11" * 50_000]


def kinds(text: str, **context: str) -> list[Kind]:
    return [finding.kind for finding in detect(text, label=context.get("label", ""))]


@pytest.mark.parametrize("label", ["phone", "customer_phone", "phoneNumber", "Mobile", "fax_number"])
def test_the_name_of_a_field_tells_what_a_bare_number_is(label: str) -> None:
    assert kinds("4155552671") == []
    assert kinds("4155552671", label=label) == [Kind.PHONE]
    assert kinds("415552671234", label=label) == []


def test_other_fields_tell_nothing() -> None:
    assert kinds("4155552671", label="item_id") == []
    assert kinds("536904399", label="order") == []
    assert kinds("536904399", label="ssn") == [Kind.SSN]


def test_national_numbers_are_found_in_the_regions_that_are_asked_for() -> None:
    text = "030 901820 ist meine Nummer"
    assert detect(text) == ()
    assert detect(text, regions=("US", "DE")) == (Finding(0, 10, Kind.PHONE),)
    assert detect("020 7946 0958", regions=("GB",)) == (Finding(0, 13, Kind.PHONE),)
    assert detect("415-555-2671", regions=("GB",)) == ()


def test_a_model_of_names_is_asked_only_where_it_is_passed_and_loses_to_patterns() -> None:
    def names(text: str) -> list[tuple[int, int]]:
        return [(0, 4), (text.index("anna@"), len(text))]

    text = "Anna wrote from anna@example.com"
    assert [finding.kind for finding in detect(text)] == [Kind.EMAIL]
    assert detect(text, names=names) == (Finding(0, 4, Kind.NAME), Finding(16, 32, Kind.EMAIL))


@dataclass(frozen=True)
class Entity:
    start_char: int
    end_char: int
    label_: str


@dataclass(frozen=True)
class Document:
    ents: tuple[Entity, ...]


def test_persons_alone_are_taken_from_a_pipeline_of_spacys_shape() -> None:
    names = names_by(lambda _: Document((Entity(0, 4, "PERSON"), Entity(16, 22, "GPE"))))
    assert detect("Anna writes from Berlin", names=names) == (Finding(0, 4, Kind.NAME),)


def test_a_text_is_remembered_by_its_hash_and_the_places_alone() -> None:
    secret = "nobody.else@example.com"
    detect(f"write to {secret}")
    memo = sys.modules["pii.detect"]._memo
    assert secret not in str(memo)
    assert all(len(key) == 16 for key in memo)


def test_the_memory_of_texts_is_bounded() -> None:
    for number in range(9_000):
        detect(f"order 1234567 number {number}")
    assert len(sys.modules["pii.detect"]._memo) <= 8_192


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:6])
def test_no_text_makes_the_search_slow(text: str) -> None:
    began = time.process_time()
    detect(text)
    assert time.process_time() - began < 2, "50 kB; measured: at most 0.15 s"


def test_a_text_beyond_the_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(TextTooLong, match="1000001 characters are over the limit of 1000000"):
        detect("1" * 1_000_001)


LETTERS = st.characters(categories=["L", "N", "P", "Z"])


@given(st.text(alphabet=LETTERS, max_size=60) | st.from_regex(r"[\d ()+./@:-]{0,60}"))
def test_findings_are_in_order_inside_the_text_and_do_not_overlap(text: str) -> None:
    at = 0
    for finding in detect(text):
        assert at <= finding.start < finding.end <= len(text)
        at = finding.end
