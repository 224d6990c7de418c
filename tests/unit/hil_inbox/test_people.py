"""Roles, tokens, sessions and addresses, without a store."""

import pytest

from hil_inbox.domain.attempts import address_counter
from hil_inbox.domain.people import Person
from hil_inbox.domain.principal import Principal, missing_scope, of_person, of_token
from hil_inbox.domain.sessions import Lifetimes, begin, csrf_token, is_alive
from hil_inbox.domain.tokens import Token, is_good
from hil_inbox.settings import Settings
from http_gate.client_address import client_address
from http_gate.safe_next import safe_next
from http_gate.secret_text import hash_of, looks_like_token, token_text

ANA = Person(tenant="acme", actor_id="ana", role="supervisor", teams=("billing",))


def token(**fields: object) -> Token:
    body = {
        "token_id": "0" * 16,
        "tenant": "acme",
        "role": "admin",
        "scopes": ("inbox:read", "act_as"),
        "created_ms": 0,
        "created_by": "root",
        "expires_ms": 100,
        **fields,
    }
    return Token.model_validate(body)


def test_a_token_has_a_known_beginning_and_256_bits() -> None:
    texts = [token_text(bytes(32)), token_text(b"\xff" * 32), token_text(b"\x01" + bytes(31))]
    assert all(looks_like_token(text) for text in texts)
    assert len({hash_of(text) for text in texts}) == 3
    assert not looks_like_token("hil_short") and not looks_like_token("hil_" + "é" * 43)


def test_a_token_is_good_until_it_expires_or_is_revoked() -> None:
    assert is_good(token(), 99) and not is_good(token(), 100)
    assert not is_good(token(revoked_ms=1), 2)


def test_nobody_gets_more_than_both_token_and_person_may() -> None:
    found = of_token(token(actor_id="ana", role="admin"), ANA, named=None)
    assert isinstance(found, Principal)
    assert (found.role, found.teams, found.may("agent")) == ("supervisor", {"billing"}, False)
    weak = of_token(token(role="agent"), ANA, named="ana")
    assert isinstance(weak, Principal) and weak.role == "agent"
    stranger = of_token(token(), None, named="eve")
    assert isinstance(stranger, Principal) and (stranger.actor_id, stranger.role) == ("eve", "agent")
    service = of_token(token(), None, named=None)
    assert isinstance(service, Principal) and service.actor_id == f"service-{'0' * 16}"


def test_who_is_disabled_gone_or_not_to_be_named_is_nobody() -> None:
    disabled = ANA.model_copy(update={"disabled": True})
    refusals = [
        of_token(token(actor_id="ana"), disabled, named=None),
        of_token(token(actor_id="ana"), None, named=None),
        of_token(token(scopes=("inbox:read",)), ANA, named="ana"),
    ]
    assert ["disabled" in refusals[0], "exist" in refusals[1], "act_as" in refusals[2]] == [True] * 3


def test_reading_and_acting_are_different_scopes() -> None:
    reader = Principal("acme", "ana", "Ana", "admin", frozenset({"inbox:read"}))
    assert (missing_scope(reader, "GET"), missing_scope(reader, "POST")) == (None, "inbox:act")
    assert not reader.supervises and of_person(ANA).supervises and not of_person(ANA).may("admin")


def test_a_session_ends_by_age_and_by_idleness() -> None:
    session = begin(("acme", "ana"), Lifetimes(1_000, 300), 0)
    assert is_alive(session, 299) and not is_alive(session, 300)
    used = session.model_copy(update={"seen_ms": 900})
    assert is_alive(used, 999) and not is_alive(used, 1_000)
    assert csrf_token("one") != csrf_token("two")


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "found"),
    [
        ("203.0.113.7", "198.51.100.1", (), "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.1", "", ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", "not an address", ("10.0.0.0/8",), "unknown"),
        ("", "", (), "unknown"),
        ("::ffff:203.0.113.7", "", (), "203.0.113.7"),
    ],
)
def test_an_address_is_believed_only_from_a_proxy_of_ours(
    peer: str, forwarded: str, proxies: tuple[str, ...], found: str
) -> None:
    assert client_address(peer, forwarded, proxies) == found


def test_all_addresses_of_one_network_of_ipv6_count_as_one() -> None:
    assert address_counter("2001:db8::1") == address_counter("2001:db8::ffff:2") != address_counter("2001:db8:1::1")


@pytest.mark.parametrize("path", ["/", "/queue?state=waiting", "/conversations/acme/c1"])
def test_a_path_of_ours_is_gone_on_to(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "path", ["", "//x", "/\\x", "https://x", "/a\nb", "/login", "/auth/logout", "javascript:x", "/" * 2]
)
def test_another_path_is_not(path: str) -> None:
    assert safe_next(path) == "/"


def test_wrong_networks_stop_the_start() -> None:
    with pytest.raises(ValueError, match="proxies"):
        Settings(proxies="not-a-network")
