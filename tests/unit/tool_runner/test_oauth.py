"""What may an app be, what is asked of its server, and what do its answers mean?"""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from tool_runner.adapters.vault.app_file import AppEntry, AppUnusable
from tool_runner.domain.accounts import (
    Account,
    AccountState,
    ClientProof,
    Missing,
    NotConnected,
    OAuthClient,
    Tokens,
    connected,
    missing_of,
    refreshed,
    replaces,
)
from tool_runner.domain.oauth import (
    TOKEN_CHARACTERS_MAX,
    Callback,
    CallbackRefused,
    Pending,
    TokenRefused,
    Trouble,
    authorization_url,
    code_challenge,
    code_of,
    code_request,
    read_token_answer,
    refresh_request,
)
from tool_runner.settings import Settings

ANN = Account("acme", "ann", "shop")
PENDING = Pending(ANN, SecretStr("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "http://127.0.0.1:8083/cb", 1)
ENTRY = {
    "authorize_url": "https://id.example/authorize",
    "token_url": "https://id.example/token",
    "client_id": "hil",
}


def client_of(**fields: object) -> OAuthClient:
    oauth = AppEntry.model_validate({**ENTRY, **fields}).app("shop", {"SECRET": "s3cret"}).oauth
    assert oauth is not None
    return oauth


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert code_challenge(PENDING.verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_authorization_url_holds_what_oauth_wants_beside_what_the_server_wants() -> None:
    client = client_of(
        authorize_url="https://id.example/authorize?tenant=7",
        scopes=["read", "write"],
        resource="https://api.example",
        authorize_parameters={"access_type": "offline"},
    )
    url = authorization_url(client, PENDING, "st&te")
    assert {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} == {
        "tenant": "7",
        "response_type": "code",
        "client_id": "hil",
        "redirect_uri": PENDING.redirect_uri,
        "state": "st&te",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "scope": "read write",
        "resource": "https://api.example",
        "access_type": "offline",
    }
    assert PENDING.verifier.get_secret_value() not in url


def test_forms_name_the_resource_and_the_same_redirect_address() -> None:
    client = client_of(resource="https://api.example")
    form = code_request(client, SecretStr("c"), PENDING)
    assert form["redirect_uri"] == PENDING.redirect_uri and form["resource"] == "https://api.example"
    assert refresh_request(client_of(), SecretStr("r")) == {
        "grant_type": "refresh_token",
        "refresh_token": "r",
    }


@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        (Callback(), f"code: must have 1 to {TOKEN_CHARACTERS_MAX} characters"),
        (Callback("c" * (TOKEN_CHARACTERS_MAX + 1)), f"code: must have 1 to {TOKEN_CHARACTERS_MAX} characters"),
        (Callback(error="<script>"), "the server says something that is not an error code"),
    ],
)
def test_a_callback_that_cannot_be_used_is_refused(callback: Callback, reason: str) -> None:
    assert code_of(callback, client_of()) == CallbackRefused(reason)


@pytest.mark.parametrize(
    ("declared", "said", "code"),
    [
        ("https://id.example", "https://id.example", SecretStr("c")),
        ("https://id.example", "https://id.example/", CallbackRefused("the answer is not from the declared issuer")),
        ("https://id.example", None, CallbackRefused("the answer is not from the declared issuer")),
        (None, "https://x", CallbackRefused("the server names itself as issuer: declare it as `issuer` of the app")),
        (None, None, SecretStr("c")),
    ],
)
def test_the_issuer_is_compared_exactly(
    declared: str | None, said: str | None, code: SecretStr | CallbackRefused
) -> None:
    assert code_of(Callback("c", issuer=said), client_of(issuer=declared)) == code


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (400, {"error": "invalid_grant"}, Trouble.GRANT_GONE),
        (200, {"error": "bad_refresh_token"}, Trouble.GRANT_GONE),
        (401, {"error": "invalid_client"}, Trouble.CLIENT_REFUSED),
        (400, {"error": "slow_down"}, Trouble.UNAVAILABLE),
        (404, {}, Trouble.CLIENT_REFUSED),
        (503, {"error": "invalid_grant"}, Trouble.UNAVAILABLE),
        (200, {}, Trouble.UNAVAILABLE),
        (200, [], Trouble.UNAVAILABLE),
        (200, {"access_token": "a\r\nb", "token_type": "bearer"}, Trouble.UNAVAILABLE),
        (200, {"access_token": "a b", "token_type": "bearer"}, Trouble.UNAVAILABLE),
        (200, {"access_token": "a", "token_type": "not bearer"}, Trouble.UNAVAILABLE),
        (200, {"access_token": "a", "token_type": "bearer", "refresh_token": "é"}, Trouble.UNAVAILABLE),
    ],
)
def test_answers_without_tokens_say_what_to_do(status: int, body: object, trouble: Trouble) -> None:
    answer = read_token_answer(status, json.dumps(body).encode())
    assert isinstance(answer, TokenRefused) and answer.trouble is trouble


def test_tokens_are_read_with_their_life_and_scopes() -> None:
    body = {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "refresh_token": "r", "scope": "x y"}
    expected = Tokens(SecretStr("a"), SecretStr("r"), 60, ("x", "y"))
    assert read_token_answer(200, json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    ("said", "life", "scopes"),
    [
        ({"expires_in": -1, "scope": ["x", "y"]}, None, ("x", "y")),
        ({"expires_in": 0}, None, None),
        ({"expires_in": 3600.5}, 3600, None),
        ({"expires_in": "3600.5", "scope": None}, 3600, None),
        ({"expires_in": "never", "scope": 7}, None, ()),
        ({"expires_in": "nan", "scope": ["x", 7]}, None, ()),
        ({"expires_in": "9" * 5_000, "scope": "x " * 3_000}, None, ()),
        ({"expires_in": 10**12, "scope": "x"}, None, ("x",)),
        ({"expires_in": "3600", "error": ""}, 3600, None),
        ({"error": None}, None, None),
    ],
)
def test_no_token_is_lost_over_what_a_server_says_of_it(
    said: dict[str, object], life: int | None, scopes: tuple[str, ...] | None
) -> None:
    body = {"access_token": "a", "token_type": "bearer", "refresh_token": "r", **said}
    assert read_token_answer(200, json.dumps(body).encode()) == Tokens(SecretStr("a"), SecretStr("r"), life, scopes)


def test_an_empty_refresh_token_is_none() -> None:
    body = b'{"access_token": "a", "token_type": "bearer", "refresh_token": ""}'
    assert read_token_answer(200, body) == Tokens(SecretStr("a"))


@given(
    st.integers(100, 599), st.binary(max_size=300) | st.from_type(dict).map(lambda one: json.dumps(str(one)).encode())
)
def test_no_answer_is_too_strange(status: int, body: bytes) -> None:
    assert isinstance(read_token_answer(status, body), TokenRefused)


def test_a_refresh_keeps_what_the_answer_does_not_name() -> None:
    first = connected(ANN, Tokens(SecretStr("a"), None, 100, ("x",)), generation=4, now_ms=1_000)
    assert (first.expires_at_ms, first.refresh_at_ms) == (101_000, 91_000)
    later = refreshed(first, Tokens(SecretStr("b")), now_ms=90_000)
    assert (later.generation, later.connected_at_ms, later.scopes, later.expires_at_ms) == (5, 1_000, ("x",), None)
    assert refreshed(first, Tokens(SecretStr("b"), scopes=()), now_ms=1).scopes == ()


@pytest.mark.parametrize(
    ("state", "generation", "tokens_win", "refusal_wins"),
    [
        (AccountState.CONNECTED, 4, True, True),
        (AccountState.NEEDS_RECONNECT, 4, True, False),
        (AccountState.DISCONNECTED, 4, False, False),
        (AccountState.CONNECTED, 5, False, False),
    ],
)
def test_what_a_refresh_brought_is_stored_over_its_own_generation_only(
    state: AccountState, generation: int, *, tokens_win: bool, refusal_wins: bool
) -> None:
    current = connected(ANN, Tokens(SecretStr("a")), generation=generation, now_ms=0)
    current = type(current)(ANN, state, generation, 0)
    tokens = type(current)(ANN, AccountState.CONNECTED, 5, 0)
    refusal = type(current)(ANN, AccountState.NEEDS_RECONNECT, 4, 0)
    assert (replaces(tokens, current), replaces(refusal, current)) == (tokens_win, refusal_wins)


def test_what_a_refresh_brought_is_not_stored_over_an_account_that_was_connected_anew() -> None:
    """It was forgotten and connected again, perhaps by somebody else, while a server was slow: generations begin anew,
    and a lease in Redis may be gone."""
    before = connected(ANN, Tokens(SecretStr("a"), SecretStr("r"), 60), generation=1, now_ms=1_000)
    anew = connected(ANN, Tokens(SecretStr("of somebody else")), generation=1, now_ms=5_000)
    brought = refreshed(before, Tokens(SecretStr("b")), now_ms=6_000)
    refused = replace(before, state=AccountState.NEEDS_RECONNECT)
    assert (replaces(brought, anew), replaces(refused, anew)) == (False, False)
    assert (replaces(brought, before), replaces(refused, before)) == (True, True)


def test_what_is_missing_is_said_without_a_state_and_with_the_page_of_the_house() -> None:
    assert [missing_of(state) for state in AccountState] == [None, Missing.NEEDS_RECONNECT, Missing.DISCONNECTED]
    page = NotConnected("shop", Missing.NEEDS_RECONNECT, "https://www.example/accounts")
    assert page.detail == "the account at shop must be connected again first at https://www.example/accounts"
    assert "`hil tool connect shop`" in NotConnected("shop", Missing.NEVER_CONNECTED).detail
    assert "operator must correct" in NotConnected("shop", Missing.CLIENT_REFUSED).detail


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"token_url": "http://id.example/token"}, "must be https"),
        ({"token_url": "ftp://id.example/token"}, "must be an https address"),
        ({"token_url": "https://u:p@id.example/token"}, "no user, password or fragment"),
        ({"token_url": None}, "needs token_url"),
        ({"revoke_replaced": True}, "revoke_replaced needs a revoke_url"),
        ({"client_secret_env": "A", "client_secret_file": "b"}, "not both"),
        ({"client_proof": "post"}, "need a client secret"),
        ({"client_proof": "none", "client_secret_env": "SECRET"}, "none has none"),
        ({"authorize_parameters": {"state": "x"}}, "state are set by the tool runner"),
        ({"authorize_url": "https://id.example/a?redirect_uri="}, "authorize_url: redirect_uri are set by"),
        ({"header": "Authorization: Bearer"}, "with {token} once"),
        ({"header": "Authorization: {token} {token}"}, "with {token} once"),
        ({"header": "A: {token}\r\nB: x"}, "with {token} once"),
        ({"scopes": ["a b"]}, "pattern"),
        ({"kind": "api_key"}, "an app of kind api_key has no authorize_url, client_id, token_url"),
        ({"clientid": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_app_is_refused_with_the_reason(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AppEntry.model_validate({**ENTRY, **fields})
    assert reason in str(refused.value)


@pytest.mark.parametrize("field", ["client_secret", "client_secret_env", "token_url", "header"])
def test_a_secret_in_the_wrong_place_is_not_repeated(field: str) -> None:
    with pytest.raises(ValidationError, match=field) as refused:
        AppEntry.model_validate({**ENTRY, field: "https://u:hunter-2@id.example"})
    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["http://example.com", "https://example.com?x=1", "https://u@example.com", "ftp://a"]
)
def test_codes_come_back_to_an_https_address_without_extras(address: str) -> None:
    with pytest.raises(ValidationError, match="public_url"):
        Settings(public_url=address)
    assert Settings(public_url="https://example.com/hil/").public_url == "https://example.com/hil/"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"client_secret_env": "EMPTY"}, "apps.shop.client_secret_env: EMPTY: has 0 characters, must be 1 to 16384"),
        ({"client_secret_file": "/none/there"}, "apps.shop.client_secret_file: /none/there: FileNotFoundError"),
    ],
)
def test_a_client_secret_that_is_not_there_is_told(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(AppUnusable, match=reason):
        client_of(**fields)


def test_the_proof_follows_the_secret() -> None:
    assert client_of().proof is ClientProof.NONE
    assert client_of(client_secret_env="SECRET").proof is ClientProof.BASIC
