"""Are ids derived the same every time, and do the headers say what CloudEvents asks for?"""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalogue import ALL_MESSAGES, UnreadableMessage, read_message
from contracts.conversations import CloseConversation, MessageReceived
from contracts.envelope import (
    NAMESPACE,
    PAYLOAD_BYTES_MAX,
    client_message_id,
    derive_message_id,
    headers_for,
)

RECEIVED = "hil.evt.message.received.v1.acme.c42"


@given(st.text(), st.text(), st.integers(min_value=0))
def test_a_derived_id_is_the_same_every_time(caused_by: str, subject: str, ordinal: int) -> None:
    derived = derive_message_id(caused_by, subject, ordinal)
    assert derived == derive_message_id(caused_by, subject, ordinal)
    assert uuid.UUID(derived).version == 5


def test_a_derived_id_is_the_one_that_earlier_builds_derived() -> None:
    """Changing the recipe would break the logs that exist."""
    assert str(NAMESPACE) == "6f1c2e0a-5d0b-5c8e-9a43-2f6f0c1f7b10"
    assert derive_message_id("cause", "hil.evt.a.b.v1", 2) == str(uuid.uuid5(NAMESPACE, "cause/hil.evt.a.b.v1/2"))


def test_cause_subject_and_ordinal_each_make_another_id() -> None:
    derived = [derive_message_id(*of) for of in (("a", "s", 0), ("b", "s", 0), ("a", "t", 0), ("a", "s", 1))]
    assert len(set(derived)) == len(derived)


def test_a_client_follows_the_recipe_of_the_readme() -> None:
    made = client_message_id("acme", "c42", turn_id="7", text="I want to return the headphones of order W100.")
    assert made == "acme:c42:7:3489cd8b10a877b9"


@given(st.text(), st.text())
def test_other_text_of_the_same_turn_is_another_message(text: str, other: str) -> None:
    ids = {client_message_id("acme", "c42", turn_id="7", text=said) for said in (text, other)}
    assert len(ids) == len({text, other})


def test_two_tenants_with_the_same_conversation_and_turn_never_share_an_id() -> None:
    ids = {client_message_id(tenant, "c42", turn_id="7", text="hello") for tenant in ("acme", "umbrella")}
    assert len(ids) == 2


def test_headers_are_cloudevents_attributes() -> None:
    message = MessageReceived(turn_id="7", text="hello")
    headers = headers_for(message, id="i", source="/hil/x", subject="c42", causedby="c", traceparent="00-aa-bb-01")
    assert headers == {
        "ce-specversion": "1.0",
        "ce-type": "hil.evt.message.received.v1",
        "ce-id": "i",
        "ce-source": "/hil/x",
        "ce-subject": "c42",
        "ce-causedby": "c",
        "traceparent": "00-aa-bb-01",
        "content-type": "application/json",
    }


def test_attributes_that_are_not_known_are_left_out() -> None:
    headers = headers_for(CloseConversation(), id="i", time=None, traceparent=None)
    assert set(headers) == {"ce-specversion", "ce-type", "ce-id", "content-type"}


def test_message_types_are_distinct_and_all_start_with_their_kind() -> None:
    types = [kind.route.type for kind in ALL_MESSAGES]
    assert len(types) == len(set(types))
    assert all(kind.route.type.startswith(f"hil.{kind.route.kind}.") for kind in ALL_MESSAGES)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "Invalid JSON"),
        (b'{"text": "hello"}', "turn_id: Field required"),
        (b'{"turn_id": "1", "text": "\xff"}', "Invalid JSON|invalid unicode|UTF-8"),
        (json.dumps({"turn_id": "x" * 129, "text": ""}).encode(), "turn_id: String should have at most 128"),
        (b'{"turn_id": "1", "text": "' + b"x" * PAYLOAD_BYTES_MAX + b'"}', f"over the limit of {PAYLOAD_BYTES_MAX}"),
    ],
    ids=["no-json", "no-turn", "no-utf8", "long-turn", "too-large"],
)
def test_a_body_that_cannot_be_read_is_refused_with_field_and_limit(body: bytes, text: str) -> None:
    with pytest.raises(UnreadableMessage, match=text):
        read_message(RECEIVED, body)
