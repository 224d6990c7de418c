"""Do personal values leave as placeholders, and only those of the request come back?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

import pii.mask
from pii import Kind, Masker, MaskingFailed, detect, mask_by_schema, redact

VALUES = {
    Kind.EMAIL: "anna.meyer@example.com",
    Kind.PHONE: "+49 30 901820",
    Kind.CARD: "4111 1111 1111 1111",
    Kind.SSN: "536-90-4399",
    Kind.IBAN: "DE89 3704 0044 0532 0130 00",
    Kind.IP: "192.168.0.12",
}
LOOK_ALIKES = [
    "order #W1234567",
    "item 1008292230",
    "zip 94110",
    "user yusuf_rossi_9620",
    "2024-05-12 at 10:15:30",
    "version 10.15.7.1",
    "tracking 9400111899223817364512",
    "$59.90 and 1,299.00",
    "order 4111111111111112",
]
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(list(VALUES.values())), st.text(max_size=30), st.sampled_from(["[", "[EMAIL_", "]", " "])
    ),
    max_size=8,
).map(" ".join)


def masker(partition: str = "acme/c1") -> Masker:
    return Masker(b"secret", partition)


@pytest.mark.parametrize(("kind", "value"), VALUES.items())
def test_each_kind_is_found_masked_restored_and_redacted(kind: Kind, value: str) -> None:
    text, one = f"mine is {value}, thanks", masker()
    assert [(found.kind, text[found.start : found.end]) for found in detect(text)] == [(kind, value)]
    masked = one.mask(text)
    assert value not in masked and f"[{kind.upper()}_" in masked
    assert one.restore(masked) == text and one.counts == {kind: 1}
    assert redact(text) == f"mine is [REDACTED_{kind.upper()}], thanks"


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_only_looks_like_a_personal_value_stays(text: str) -> None:
    assert masker().mask(text) == text


def test_a_bare_row_of_digits_is_a_telephone_number_where_the_words_say_so() -> None:
    assert [found.kind for found in detect("my phone is 4155552671")] == [Kind.PHONE]
    assert detect("my item is 4155552671") == ()


def test_a_value_has_one_placeholder_in_a_conversation_and_another_elsewhere() -> None:
    here, again, there = masker(), masker(), masker("acme/c2")
    assert here.mask("a@b.io a@b.io") == " ".join([again.mask("a@b.io")] * 2)
    assert there.mask("a@b.io") != here.mask("a@b.io")
    assert Masker(b"other", "acme/c1").mask("a@b.io") != here.mask("a@b.io")


def test_placeholders_of_other_requests_are_not_put_back() -> None:
    foreign = masker().mask("a@b.io")
    one = masker()
    one.mask("c@d.io")
    assert one.restore(foreign) == foreign


def test_values_within_json_are_masked_and_json_stays_json() -> None:
    value = {"email": "a@b.io", "list": ["+49 30 901820", 7, None, True], "4111 1111 1111 1111": {"deep": "x"}}
    one = masker()
    masked = one.mask_json(value)  # type: ignore[arg-type]
    assert isinstance(masked, dict) and "a@b.io" not in str(masked)
    assert one.restore_json(masked) == value
    deep: object = "a@b.io"
    for _ in range(80):
        deep = [deep]
    with pytest.raises(MaskingFailed, match="nested deeper"):
        one.mask_json(deep)  # type: ignore[arg-type]


def test_what_cannot_be_searched_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("a@b.io")

    monkeypatch.setattr(pii.mask, "detect", broken)
    with pytest.raises(MaskingFailed) as raised:
        masker().mask("a@b.io")
    assert "a@b.io" not in str(raised.value)


def test_a_text_beyond_all_bounds_is_not_sent() -> None:
    with pytest.raises(MaskingFailed, match="over the limit of 1000000 a text"):
        masker().mask("1 " * 2_100_000)


@settings(max_examples=300)
@given(TEXTS)
def test_what_was_masked_comes_back_and_holds_no_value(text: str) -> None:
    one = masker()
    masked = one.mask(text)
    assert one.restore(masked) == text
    assert all(text[found.start : found.end] not in masked for found in detect(text) if found.kind is not Kind.PHONE)


@given(TEXTS, st.lists(st.integers(1, 12), min_size=1, max_size=40))
def test_a_stream_comes_back_whole_however_it_is_cut(text: str, sizes: list[int]) -> None:
    one = masker()
    masked = one.mask(text)
    restorer, said, at = one.stream_restorer(), "", 0
    for size in [*sizes, len(masked)]:
        said += restorer.feed(masked[at : at + size])
        at += size
    assert said + restorer.end() == one.restore(masked)


def test_what_only_looks_like_a_placeholder_comes_back_as_it_was() -> None:
    one = masker()
    own = one.mask("a@b.io")
    text = f"[EMAIL_K7Q2XA] and {own} said a@b.io, [1], [NOTE] and [IP_]"
    again = masker()
    masked = again.mask(text)
    assert own in masked and masked.count(own) == 1, "the value has its placeholder; the look-alike has another"
    assert again.restore(masked) == text
    assert again.counts == {"mark": 2, "email": 1}


def test_a_number_that_was_found_by_its_words_is_found_again_without_them() -> None:
    one = masker()
    first = one.mask("my phone is 4155552671")
    assert one.mask("so 4155552671, right?") == f"so {first.removeprefix('my phone is ')}, right?"
    assert one.mask("item 14155552671 and 41555526710") == "item 14155552671 and 41555526710"


def test_names_of_fields_and_whole_numbers_are_masked_too() -> None:
    value = {"anna@example.com": 1, "card": 4111111111111111, "mobile": 4155552671, "item": 1008292230, "ok": True}
    one = masker()
    masked = one.mask_json(value)  # type: ignore[arg-type]
    assert isinstance(masked, dict)
    assert [value for value in ("anna@", "4111111111111111", "4155552671") if value in str(masked)] == []
    assert (masked["item"], masked["ok"]) == (1008292230, True)
    assert one.restore_json(masked) == {
        "anna@example.com": 1, "card": "4111111111111111", "mobile": "4155552671", "item": 1008292230, "ok": True,
    }  # fmt: skip


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pii": True},
        "address": {"$ref": "#/$defs/address"},
        "friends": {"type": "array", "items": {"type": "object", "properties": {"name": {"pii": True}}}},
        "note": {"type": "string"},
        "maybe": {"anyOf": [{"type": "object", "properties": {"nick": {"pii": "name"}}}, {"type": "null"}]},
    },
    "$defs": {"address": {"type": "object", "pii": True}},
}


def test_what_a_schema_marks_is_masked_whatever_it_looks_like_and_the_rest_by_its_text() -> None:
    value = {
        "name": "Priya",
        "address": {"street": "12 Elm Street", "zip": "94110", "floor": 3},
        "friends": [{"name": "Bo", "since": 2019}],
        "note": "write to a@b.io, zip 94110",
        "maybe": {"nick": "Pri"},
    }
    one = masker()
    masked = mask_by_schema(value, SCHEMA, one)  # type: ignore[arg-type]
    said = str(masked)
    assert [secret for secret in ("Priya", "Elm", "'Bo'", "a@b.io", "'Pri'") if secret in said] == []
    assert isinstance(masked, dict) and masked["note"].endswith("zip 94110")  # type: ignore[union-attr]
    assert one.counts == {"field": 5, "email": 1, "name": 1}
    assert one.restore_json(masked) == {**value, "address": {"street": "12 Elm Street", "zip": "94110", "floor": "3"}}


def test_a_schema_that_leads_in_circles_ends() -> None:
    person = {"properties": {"child": {"$ref": "#/$defs/a"}, "name": {"pii": True}}}
    schema = {"$ref": "#/$defs/a", "$defs": {"a": person}}
    value = {"child": {"child": {"name": "Anna"}}, "name": "Priya"}
    one = masker()
    masked = mask_by_schema(value, schema, one)  # type: ignore[arg-type]
    assert "Anna" not in str(masked) and "Priya" not in str(masked)
    assert one.restore_json(masked) == value
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert mask_by_schema("x", loop, masker()) == "x"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "marking",
    [
        {"patternProperties": {"^n": {"pii": True}}},
        {"additionalProperties": {"properties": {"x": {}}, "pii": "name"}},
        {"unevaluatedProperties": {"pii": True}},
        {"if": {}, "then": {"properties": {"name": {"pii": True}}}},
        {"dependentSchemas": {"kind": {"properties": {"name": {"pii": True}}}}},
        {"properties": {"name": {"$ref": "#/$defs/a~1b%25"}}, "$defs": {"a/b%": {"pii": True}}},
        {"properties": {"name": {"$ref": "#person"}}, "$defs": {"x": {"$anchor": "person", "pii": True}}},
        {"properties": {"name": {"$dynamicRef": "#/allOf/0"}}, "allOf": [{"pii": False}, {"$ref": "#/$defs/all"}],
         "$defs": {"all": {"properties": {"name": {"pii": True}}}}},
        {"$ref": "#/$defs/7", "$defs": {**{str(n): {"$ref": f"#/$defs/{n + 1}"} for n in range(100)},
         "100": {"properties": {"name": {"pii": True}}}}},
    ],
)  # fmt: skip
def test_a_mark_counts_wherever_a_schema_may_apply(marking: dict[str, JsonValue]) -> None:
    masked = mask_by_schema({"kind": "k", "name": "Priya"}, marking, masker())
    assert "Priya" not in str(masked)


def test_marks_in_lists_numbers_and_names_of_fields_count_too() -> None:
    schema: dict[str, JsonValue] = {"prefixItems": [{"type": "string"}, {"pii": True}]}
    assert "Priya" not in str(mask_by_schema(["x", "Priya"], schema, masker()))
    kept = [True, None, "", []]
    assert mask_by_schema(kept, {"pii": True}, masker()) == kept
    one = masker()
    masked = mask_by_schema({"a@b.io": {"born": 1984}}, {"additionalProperties": {"pii": True}}, one)
    assert "1984" not in str(masked) and "a@b.io" not in str(masked)
    assert one.restore_json(masked) == {"a@b.io": {"born": "1984"}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/person.json"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#missing"},
        {"$ref": 7},
        {"allOf": [{"title": str(number)} for number in range(300)]},
    ],
)
def test_a_schema_that_cannot_be_followed_to_its_end_masks_nothing_and_says_so(schema: dict[str, JsonValue]) -> None:
    with pytest.raises(MaskingFailed):
        mask_by_schema({"name": "Priya"}, schema, masker())


def test_what_is_masked_can_be_redacted_for_good_and_what_looked_like_a_placeholder_is_left() -> None:
    one = masker()
    value = {"mail": "a@b.io", "note": "see [EMAIL_AAAAAA], a@b.io", "name": "Priya"}
    masked = mask_by_schema(value, {"properties": {"name": {"pii": "name"}}}, one)
    assert one.redact_json(masked) == {
        "mail": "[REDACTED_EMAIL]",
        "note": "see [EMAIL_AAAAAA], [REDACTED_EMAIL]",
        "name": "[REDACTED_NAME]",
    }


def test_redaction_never_raises_and_cuts_what_is_too_long() -> None:
    assert len(redact("1 " * 600_000)) == 1_000_000
    assert redact("") == ""


@given(TEXTS)
def test_masking_is_stable_and_masking_again_changes_nothing_for_the_reader(text: str) -> None:
    assert masker().mask(text) == masker().mask(text)


LEAVES = st.none() | st.booleans() | TEXTS


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8))
def test_any_json_comes_back(value: object) -> None:
    one = masker()
    assert one.restore_json(one.mask_json(value)) == value  # type: ignore[arg-type]
