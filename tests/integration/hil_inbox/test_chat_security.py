"""Attempts of strangers on the customers' port: all refused, none with a 5xx."""

from collections.abc import Callable
from typing import Any

import aiohttp
from joserfc.jwk import RSAKey

from tests.integration.hil_inbox.test_chat import ada, bus, chat_settings, http
from tests.support.chat_kit import CUSTOMER_KEY, CUSTOMER_SECRET, SECRET, Customer, customer
from tests.support.customer_tokens import (
    of_customer,
    of_session,
    signed,
    signed_by,
    signed_with_the_public_key,
    unsigned,
)

__all__ = ["ada", "bus", "chat_settings", "http"]

SESSIONS: dict[str, tuple[Callable[[str], str], str]] = {
    "forged": (lambda key: signed("x" * 40, **of_session(key)), "signature"),
    "signed with the customers' key": (lambda key: signed(CUSTOMER_SECRET, **of_session(key)), "signature"),
    "expired": (lambda key: signed(SECRET, **of_session(key, exp=1)), "expired"),
    "without a signature": (lambda key: unsigned(of_session(key)), "HS256"),
    "of another tenant": (lambda key: signed(SECRET, **of_session(key, tenant="other")), "tenant"),
    "a customer token": (lambda _: signed(CUSTOMER_SECRET, **of_customer()), "signature"),
    "for somebody else": (lambda key: signed(SECRET, **of_session(key, aud="hil-chat")), "aud"),
    "of a strange key": (lambda key: signed(SECRET, **of_session(f"{key}.>")), "key"),
    "nothing": (lambda _: "x", "JSON Web Token"),
    "too long": (lambda _: "x" * 5_000, "4096"),
}
TOKENS: dict[str, tuple[str, str]] = {
    "forged": (signed("x" * 40, **of_customer()), "signature"),
    "expired": (signed(CUSTOMER_SECRET, **of_customer(exp=1)), "expired"),
    "not valid yet": (signed(CUSTOMER_SECRET, **of_customer(nbf=2**33)), "not valid yet"),
    "without a signature": (unsigned(of_customer()), "algorithm"),
    "for another tenant": (signed(CUSTOMER_SECRET, **of_customer(tenant="other")), "tenant"),
    "for another audience": (signed(CUSTOMER_SECRET, **of_customer(aud="shop")), "aud"),
    "without an end": (signed(CUSTOMER_SECRET, **of_customer(exp=None)), "exp"),
    "RS256 of another key": (signed_by(RSAKey.generate_key(2048), **of_customer()), "signature"),
    "RS256, expired": (signed_by(CUSTOMER_KEY, **of_customer(exp=1)), "expired"),
    "RS256, for another tenant": (signed_by(CUSTOMER_KEY, **of_customer(tenant="other")), "tenant"),
    "HS256 with the public key": (signed_with_the_public_key(**of_customer()), "signature"),
    "with a strange conversation": (signed(CUSTOMER_SECRET, **of_customer(conversation="a.>")), "conversation"),
}


async def test_nobody_gets_into_a_conversation_without_its_own_session(ada: Customer) -> None:
    await ada.write("my secret")
    other = await customer(ada.http)
    assert other.key != ada.key
    assert (await other.get("messages"))[1]["messages"] == []
    for name, (make, reason) in SESSIONS.items():
        thief = Customer(ada.http, make(ada.key), ada.key)
        for path in ("messages", "feed"):
            status, body = await thief.get(path)
            assert (status, body["error"]) == (401, "invalid_session"), name
            assert reason in body["detail"], (name, body)
    async with ada.http.get("/v1/chat/feed") as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_customer_token_that_proves_nothing_starts_no_session(http: aiohttp.ClientSession) -> None:
    for name, (token, reason) in TOKENS.items():
        async with http.post("/v1/chat/sessions", headers={"Authorization": f"Bearer {token}"}) as answer:
            body = await answer.json()
        assert (answer.status, body["error"]) == (401, "invalid_token"), name
        assert reason in body["detail"], (name, body)


async def test_a_signed_customer_has_the_same_conversation_everywhere_and_may_name_another(
    http: aiohttp.ClientSession,
) -> None:
    first, second = [await customer(http, signed(CUSTOMER_SECRET, **of_customer())) for _ in range(2)]
    assert first.key == second.key
    third = await customer(http, signed_by(CUSTOMER_KEY, **of_customer()))
    assert third.key == first.key, "whichever key has signed"
    named = await customer(http, signed(CUSTOMER_SECRET, **of_customer(conversation="order-7")))
    assert named.key == "order-7"
    async with http.post("/v1/chat/sessions", headers=first.headers) as answer:
        assert (answer.status, "signed customer" in await answer.text()) == (401, True)


async def test_an_anonymous_session_is_renewed_in_its_conversation(ada: Customer) -> None:
    assert (await customer(ada.http, ada.token)).key == ada.key
    assert len(ada.key) >= len("web-") + 32, "128 bits in hexadecimal"


async def test_too_many_messages_get_a_429_that_says_when_to_come_again(ada: Customer) -> None:
    answers = [await ada.post("messages", {"turn_id": str(number), "text": "x"}) for number in range(11)]
    assert [status for status, _ in answers] == [202] * 10 + [429]
    async with ada.http.post("/v1/chat/messages", json={"turn_id": "z", "text": "x"}, headers=ada.headers) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")


WRONG: list[tuple[str, Any, int, str]] = [
    ("messages", {"turn_id": "1", "text": "x" * 8_001}, 422, "8000"),
    ("messages", {"turn_id": "1", "text": " \n"}, 422, "text"),
    ("messages", {"turn_id": "", "text": "x"}, 422, "turn_id"),
    ("messages", {"turn_id": "1", "text": "x", "attachments": [{}]}, 422, "attachments"),
    ("messages", {"turn_id": "1", "text": "x", "workflow": "other"}, 422, "workflow"),
    ("messages", {"turn_id": "1", "text": "x", "locale": "\n"}, 422, "locale"),
    ("messages", {"turn_id": "1", "text": "\ud800"}, 422, "text"),
    ("messages", {"turn_id": "\ud800", "text": "x"}, 422, "turn_id"),
    ("messages", {"\ud800": "1", "turn_id": "1", "text": "x"}, 422, "problems"),
    ("messages", {"turn_id": "1", "text": "x" * 70_000}, 413, "65536"),
    ("messages", [], 422, "body"),
    ("rating", {"rating": 6}, 422, "5"),
    ("rating", {"rating": True}, 422, "rating"),
    ("rating", {"rating": 3, "comment": "x" * 2_001}, 422, "2000"),
    ("nothing", {}, 404, "Not Found"),
]
"""Path, body, status, and a word of the answer."""


async def test_what_is_wrong_is_refused_by_name(ada: Customer) -> None:
    for path, body, status, text in WRONG:
        answer = await ada.post(path, body)
        assert answer[0] == status, (path, body, answer)
        assert text in str(answer[1])
    for params in ({"after": "-1"}, {"before": "x"}, {"after": str(2**60)}):
        assert (await ada.get("messages", **params))[0] == 422


async def test_a_feed_is_bounded_and_a_strange_place_to_resume_is_refused(ada: Customer) -> None:
    async with ada.feed(), ada.feed(), ada.feed(), ada.feed(), ada.feed():
        status, body = await ada.get("feed")
        assert (status, body["error"]) == (429, "too_many_feeds")
    async with ada.http.get("/v1/chat/feed", headers={**ada.headers, "Last-Event-ID": "abc"}) as answer:
        assert answer.status == 422


async def test_only_named_origins_may_call_and_frame_it(http: aiohttp.ClientSession) -> None:
    async with http.get("/chat") as page:
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self' https://shop.example" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
    for origin, allowed in (("https://shop.example", "https://shop.example"), ("https://evil.example", None)):
        async with http.post("/v1/chat/sessions", headers={"Origin": origin}) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed


async def test_the_customers_port_has_nothing_of_the_desks(http: aiohttp.ClientSession) -> None:
    async with http.get("/healthz") as answer:
        assert await answer.json() == {"status": "alive"}
    for path in ("/readyz", "/v1/queue", "/v1/handovers", "/metrics", "/v1/people", "/v1/conversations/acme/c1"):
        async with http.get(path) as answer:
            assert answer.status == 404, path
