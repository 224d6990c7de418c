"""Is what is written otherwise found all the same, at its place in the text as it was?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii import Kind, Masker, detect, redact

DISGUISED = {
    "card ４１１１ １１１１ １１１１ １１１１": Kind.CARD,
    "card ٤١١١١١١١١١١١١١١١": Kind.CARD,
    "card ४१११ ११११ ११११ ११११": Kind.CARD,
    "4111\u200b1111\u200b1111\u200b1111": Kind.CARD,
    "4\u200d111111111111111": Kind.CARD,
    "4111\u202f1111\u202f1111\u202f1111": Kind.CARD,
    "4111\u20091111\u20091111\u20091111": Kind.CARD,
    "4111\u20131111\u20131111\u20131111": Kind.CARD,
    "pan=4111%201111%201111%201111": Kind.CARD,
    '"note": "paid\\n4111111111111111\\nthanks"': Kind.CARD,
    "anna＠example.com": Kind.EMAIL,
    "ａｎｎａ@ｅｘａｍｐｌｅ．ｃｏｍ": Kind.EMAIL,
    "anna\u200b@example.com": Kind.EMAIL,
    "anna@exam\u00adple.com": Kind.EMAIL,
    "anna@\u2060example.com": Kind.EMAIL,
    "?to=anna%40example.com&x=1": Kind.EMAIL,
    "anna&#64;example.com": Kind.EMAIL,
    "anna&#x40;example.com": Kind.EMAIL,
    "anna&commat;example&period;com": Kind.EMAIL,
    "anna\\u0040example.com": Kind.EMAIL,
    "anna\\\\u0040example.com": Kind.EMAIL,
    "anna@example.com-": Kind.EMAIL,
    "anna@example.com_x": Kind.EMAIL,
    "anna@example.com@evil": Kind.EMAIL,
    "anna@xn--bcher-kva.xn--p1ai": Kind.EMAIL,
    "tel=%2B493090182077": Kind.PHONE,
    "\\n+493090182077": Kind.PHONE,
    "415\u2013555\u20132671": Kind.PHONE,
    "415\u2010555\u20102671": Kind.PHONE,
    "(415)5552671": Kind.PHONE,
    "536\ufeff-90-4399": Kind.SSN,
    "536\u221290\u22124399": Kind.SSN,
    "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000": Kind.IBAN,
    "2001\uff1adb8::1": Kind.IP,
}
LEFT_ALONE = [
    "550e8400-e29b-41d4-a716-446655440000",
    "d41d8cd98f00b204e9800998ecf8427e",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "IMEI 490154203237518",
    "IMEI 35-209900-176148-1",
    "EAN 4006381333931",
    "ISBN 978-3-16-148410-0",
    "1Z999AA10123456784",
    "order #4111111111111111",
    "2026-11-27T02:20:57.123456Z",
    "1763993857123",
    "v10.15.7.1, 3.11.7",
    "100%25 of 12%20345",
    "C:\\new\\table\\report 2024",
    "pages 10\u201320, 2019\u20132024",
    "1\u202f299,00\u00a0\u20ac and 12\u00a0345\u00a0678",
    "fish &amp; chips &#8364;12",
    "commit 4111111 by @anna",
    "a\u200db \u2764\ufe0f 12:30",
    "utm_source=a%26b&id=1008292230",
]


@pytest.mark.parametrize("text", DISGUISED)
def test_what_is_written_otherwise_is_found(text: str) -> None:
    assert [one.kind for one in detect(text)] == [DISGUISED[text]]


@pytest.mark.parametrize("text", DISGUISED)
def test_it_comes_back_as_it_was_written(text: str) -> None:
    masker = Masker(b"s", "p")
    masked = masker.mask(text)
    assert masked != text and masker.restore(masked) == text
    assert redact(text) != text


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_so_is_left_alone(text: str) -> None:
    assert detect(text) == ()


@pytest.mark.parametrize("value", [4111111111111111, 4111111111111111.0, -4111111111111111])
def test_a_card_is_masked_as_whatever_number_json_holds_it(value: float) -> None:
    masked = Masker(b"s", "p").mask_json({"pan": value})
    assert "4111111111111111" not in str(masked) and "[CARD_" in str(masked)


@pytest.mark.parametrize("value", [59.9, 1008292230, 1763993857.123456, 1e300, -12, True, float("nan"), float("inf")])
def test_other_numbers_stay_numbers(value: float) -> None:
    assert Masker(b"s", "p").mask_json([value]) is not None
    assert str(Masker(b"s", "p").mask_json([value])) == str([value])


def test_the_place_is_that_of_the_text_as_it_was() -> None:
    text = "a\u200bb anna%40example.com, 4111\u200b1111 11111111 \u00e9"
    [finding] = detect(text)
    assert text[finding.start : finding.end] == "anna%40example.com"


WRITTEN = st.sampled_from(
    ["%40", "\\n", "\\u0040", "&#64;", "\u200b", "\uff14", "4", "1", "@", "a", ".", "\u00a0", "\\", "%", "&", "é"]
)


@given(st.lists(WRITTEN, max_size=40).map("".join))
def test_findings_stay_inside_the_text_and_masking_can_be_undone(text: str) -> None:
    at = 0
    for finding in detect(text):
        assert at <= finding.start < finding.end <= len(text)
        at = finding.end
    masker = Masker(b"s", "p")
    assert masker.restore(masker.mask(text)) == text
