"""Callers, tokens and failures, without a store."""

import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import ValidationError

from analytics.adapters.failures import FAILURES_MAX, KEPT_MAX, WINDOW_MS, Failures
from analytics.api.access import Admin, Analyst, seen_by, seen_of
from analytics.api.doorkeeper import House
from analytics.api.gate import add_gate, routes_without_caller
from analytics.domain.callers import EVERYBODY, Caller, NotTheirs
from analytics.domain.tokens import DAY_MS, Wanted, token_for
from analytics.settings import Settings
from document_store import Equal, OneOf

ANA = Caller("t1", "analyst", frozenset({"acme", "globex"}))


def test_a_caller_sees_their_own_tenants_and_no_other() -> None:
    assert ANA.narrowed(frozenset()) == {"acme", "globex"}
    assert ANA.narrowed(frozenset({"acme"})) == {"acme"}
    for asked in ({"initech"}, {"acme", "initech"}, {""}, {"*"}, {"acme,globex"}):
        with pytest.raises(NotTheirs, match=r"is none of your token's: acme, globex"):
            ANA.narrowed(frozenset(asked))


def test_a_caller_of_every_tenant_sees_all_or_the_one_asked_for() -> None:
    assert EVERYBODY.narrowed(frozenset()) is None
    assert EVERYBODY.narrowed(frozenset({"initech"})) == {"initech"}
    EVERYBODY.must_see("initech")


def test_an_admin_may_what_an_analyst_may_and_not_the_other_way() -> None:
    assert ANA.may("analyst") and not ANA.may("admin")
    assert EVERYBODY.may("analyst") and EVERYBODY.may("admin")


def test_the_store_is_asked_for_the_tenants_of_the_caller() -> None:
    assert seen_by(ANA, None) == [OneOf("tenant", ["acme", "globex"])]
    assert seen_by(ANA, "globex") == [Equal("tenant", "globex")]
    assert seen_by(EVERYBODY, None) == []
    assert seen_of(frozenset()) == [OneOf("tenant", [])], "no tenant is not every tenant"
    with pytest.raises(NotTheirs):
        seen_by(ANA, "initech")


def test_a_token_is_good_until_it_expires_or_is_revoked() -> None:
    token = token_for(Wanted(label="x", tenants=("acme",), days=1), "id", now_ms=0)
    assert token.is_good(DAY_MS - 1) and not token.is_good(DAY_MS)
    assert not token.model_copy(update={"revoked_ms": 1}).is_good(2)
    assert token.caller() == Caller("id", "analyst", frozenset({"acme"}))


@pytest.mark.parametrize(
    "wrong", [{"tenants": []}, {"tenants": ["a.b"]}, {"tenants": ["**"]}, {"role": "root"}, {"days": 0}, {"label": ""}]
)
def test_a_token_for_nobody_or_for_too_much_is_not_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Wanted.model_validate({"label": "x", "tenants": ["acme"], **wrong})


def test_an_address_waits_after_too_many_failures_and_only_then() -> None:
    failures = Failures()
    for _ in range(FAILURES_MAX):
        assert failures.seconds_to_wait("10.0.0.1", now_ms=1) == 0
        failures.count("10.0.0.1", now_ms=0)
    assert failures.seconds_to_wait("10.0.0.1", now_ms=1) == WINDOW_MS // 1_000
    assert failures.seconds_to_wait("10.0.0.2", now_ms=1) == 0
    assert failures.seconds_to_wait("10.0.0.1", now_ms=WINDOW_MS) == 0
    failures.count("10.0.0.1", now_ms=WINDOW_MS)
    assert failures.seconds_to_wait("10.0.0.1", now_ms=WINDOW_MS) == 0, "a new window begins from one"


def test_failures_are_kept_of_a_bounded_number_of_addresses() -> None:
    failures = Failures()
    for number in range(KEPT_MAX + 10):
        failures.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", now_ms=0)
    assert len(failures._counts) == KEPT_MAX


def test_a_service_is_open_to_everybody_on_loopback_only() -> None:
    assert Settings(http_host="127.0.0.1", access="open").access == "open"
    with pytest.raises(ValidationError, match=r"http_host 0\.0\.0\.0 is not loopback"):
        Settings(http_host="0.0.0.0", access="open")
    assert Settings().access == "tokens"
    with pytest.raises(ValidationError, match="proxies"):
        Settings(proxies="10.0.0.0/8,everybody")


def app_with(*forgotten: str) -> FastAPI:
    """Routes that ask for a caller in all ways, and some that do not."""
    app, router, nested = FastAPI(docs_url=None, redoc_url=None), APIRouter(prefix="/v1"), APIRouter(prefix="/deep")

    async def asked(_: Analyst) -> int:
        return 1

    @router.get("/one")
    async def one(caller: Analyst) -> str:
        return caller.name

    @router.post("/two")
    async def two(caller: Admin) -> str:
        return caller.name

    @nested.get("/three")
    async def three(value: int = Depends(asked)) -> int:
        return value

    for path in forgotten:
        nested.get(path)(lambda: 1)
    router.include_router(nested)
    app.include_router(router)
    return app


def test_a_route_that_forgets_to_ask_for_its_caller_stops_the_start() -> None:
    assert list(routes_without_caller(app_with())) == []
    add_gate(app_with(), None, House())
    with pytest.raises(AssertionError, match=r"/v1/deep/four, /v1/deep/\{tenant\}"):
        add_gate(app_with("/four", "/{tenant}"), None, House())


def test_a_mounted_application_is_a_route_without_a_caller() -> None:
    app = app_with()
    app.mount("/v1/mounted", FastAPI())
    assert list(routes_without_caller(app)) == ["/v1/mounted"]
