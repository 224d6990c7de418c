"""Is a subject built and read the same way, and is everything else refused?"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalogue import ALL_MESSAGES, UnreadableMessage, type_of
from contracts.subjects import (
    SubjectError,
    check_token,
    dead_letter_subject,
    every_version_of,
    fence_of,
    parse_subject,
    subject_of,
    timer_subject,
)

tokens = st.from_regex(re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII), fullmatch=True)
kinds = st.sampled_from(ALL_MESSAGES)
bad_tokens = st.text().filter(lambda text: re.fullmatch(r"[A-Za-z0-9_-]{1,128}", text) is None)


def matches(pattern: str, subject: str) -> bool:
    """As the server matches, for patterns without `>`."""
    wanted, given_tokens = pattern.split("."), subject.split(".")
    return len(wanted) == len(given_tokens) and all(
        one in ("*", other) for one, other in zip(wanted, given_tokens, strict=True)
    )


@given(kinds, tokens, tokens)
def test_what_is_built_is_read_back(kind: type, tenant: str, key: str) -> None:
    route = kind.route  # type: ignore[attr-defined]
    read = parse_subject(subject_of(route, tenant, key))
    assert (read.type, read.tenant, read.key) == (route.type, tenant, key)
    assert type_of(subject_of(route, tenant, key)) is kind


@given(kinds, tokens, tokens)
def test_the_fence_covers_every_message_of_the_key_and_no_timer(kind: type, tenant: str, key: str) -> None:
    fence = fence_of(tenant, key)
    assert matches(fence, subject_of(kind.route, tenant, key))  # type: ignore[attr-defined]
    assert not matches(fence, timer_subject("wake", tenant, key))


@given(kinds, tokens, tokens, tokens)
def test_the_fence_covers_nothing_of_another_tenant(kind: type, tenant: str, other: str, key: str) -> None:
    assert matches(fence_of(tenant, key), subject_of(kind.route, other, key)) == (tenant == other)  # type: ignore[attr-defined]


@given(kinds, tokens, tokens)
def test_a_consumer_gets_every_version_of_its_types_alone(kind: type, tenant: str, key: str) -> None:
    subject = subject_of(kind.route, tenant, key)  # type: ignore[attr-defined]
    assert [other for other in ALL_MESSAGES if matches(every_version_of(other.route), subject)] == [kind]
    assert matches(every_version_of(kind.route), subject.replace(".v1.", ".v2.", 1))  # type: ignore[attr-defined]


@given(kinds, bad_tokens)
def test_a_bad_token_is_refused_by_name(kind: type, token: str) -> None:
    route = kind.route  # type: ignore[attr-defined]
    for build in (lambda: subject_of(route, token, "c42"), lambda: subject_of(route, "acme", token)):
        with pytest.raises(SubjectError, match="is not 1 to 128 letters"):
            build()


def test_a_line_break_at_the_end_of_a_token_is_refused() -> None:
    with pytest.raises(SubjectError):
        check_token("c42\n", what="key")


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "hil",
        "hil.evt.message.received.v1.acme",
        "hil.evt.message.received.v1.acme.c42.more",
        "hil.dlq.message.received.v1.acme.c42",
        "other.evt.message.received.v1.acme.c42",
        "hil.evt.message.received.1.acme.c42",
        "hil.evt.message.received.vx.acme.c42",
        "hil.timer.wake.acme.c42",
    ],
)
def test_anything_else_is_no_subject_of_the_log(subject: str) -> None:
    with pytest.raises(SubjectError):
        parse_subject(subject)


@given(st.text())
def test_reading_a_subject_never_fails_in_another_way(text: str) -> None:
    try:
        parse_subject(text)
    except SubjectError as error:
        assert "subject" in str(error)


def test_an_unknown_version_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnreadableMessage, match=r"message\.received\.v9 is unknown; known versions: .*v1"):
        type_of("hil.evt.message.received.v9.acme.c42")


def test_an_unknown_name_is_said_to_be_none() -> None:
    with pytest.raises(UnreadableMessage, match="no message has this name"):
        type_of("hil.evt.message.forgotten.v1.acme.c42")


def test_a_dead_letter_keeps_its_subject_behind_the_service() -> None:
    assert dead_letter_subject("analytics", "hil.evt.a.b.v1.t.k") == "hil.dlq.analytics.hil.evt.a.b.v1.t.k"
