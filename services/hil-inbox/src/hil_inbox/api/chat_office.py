"""Who calls the customer's side, and may they?"""

import asyncio
import ipaddress
import time
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from hil_inbox.adapters.customer_tokens import CustomerTokens, Session, TokenRefused
from hil_inbox.adapters.rate_limits import RateLimits
from hil_inbox.domain.token_bucket import Rate
from hil_inbox.handlers.customer_chat import ChatDesk

CHAT_BODY_BYTES_MAX = 64 * 1024
FEEDS_MAX = 2_000
FEEDS_OF_ONE_MAX = 5
"""Open tabs of one conversation."""
OTHERS_PER_MINUTE = 240
"""Reads, feeds, ratings and typing of one session."""


class ChatRefused(Exception):
    """A request that gets an error; `retry_ms` says when it is worth another try."""

    def __init__(self, status: int, error: str, detail: str, *, retry_ms: int = 0) -> None:
        super().__init__(detail)
        self.status, self.error, self.detail, self.retry_ms = status, error, detail, retry_ms


@dataclass(slots=True)
class FeedPlaces:
    """How many feeds are open in this process; bounded in all and for one conversation."""

    _open: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, session: Session) -> None:
        """A place for one feed. Raises ChatRefused."""
        mine = self._open.get((session.tenant, session.key), 0)
        if mine >= FEEDS_OF_ONE_MAX:
            detail = f"{mine} feeds of this conversation are open, the limit; close one"
            raise ChatRefused(429, "too_many_feeds", detail, retry_ms=5_000)
        if sum(self._open.values()) >= FEEDS_MAX:
            raise ChatRefused(503, "too_many_feeds", f"{FEEDS_MAX} feeds are open, the limit", retry_ms=5_000)
        self._open[session.tenant, session.key] = mine + 1

    def give_back(self, session: Session) -> None:
        """The feed has ended."""
        left = self._open.get((session.tenant, session.key), 0) - 1
        if left > 0:
            self._open[session.tenant, session.key] = left
        else:
            self._open.pop((session.tenant, session.key), None)


@dataclass(frozen=True, slots=True)
class ChatRates:
    """How often strangers and customers may do what, in each replica."""

    sessions: RateLimits
    messages: RateLimits
    messages_of_address: RateLimits
    others: RateLimits

    @classmethod
    def of(cls, *, sessions_per_minute: int, messages_per_minute: int) -> "ChatRates":
        """Bursts are half a minute's worth. An address may hold several customers."""
        return cls(
            RateLimits(Rate(sessions_per_minute, max(1, sessions_per_minute / 2))),
            RateLimits(Rate(messages_per_minute, max(1, messages_per_minute / 2))),
            RateLimits(Rate(messages_per_minute * 5, max(1, messages_per_minute * 2.5))),
            RateLimits(Rate(OTHERS_PER_MINUTE, OTHERS_PER_MINUTE / 2)),
        )


@dataclass(frozen=True, slots=True)
class ChatOffice:
    """What the routes of the customer's side need. `proxies_trusted` proxies in front add addresses that are true."""

    desk: ChatDesk
    tokens: CustomerTokens
    rates: ChatRates
    stop: asyncio.Event
    lets_strangers_in: bool = True
    proxies_trusted: int = 0
    workflow: str | None = None
    places: FeedPlaces = field(default_factory=FeedPlaces)

    def session(self, request: Request) -> Session:
        """The session of the request's token. Raises ChatRefused."""
        token = bearer(request)
        if token is None:
            raise ChatRefused(401, "no_session", "send the session_token of POST /v1/chat/sessions as bearer token")
        try:
            return self.tokens.session(token, now_s=int(time.time()))
        except TokenRefused as refused:
            raise ChatRefused(401, "invalid_session", f"the session token: {refused}; start a new session") from refused

    def limit(self, limits: RateLimits, who: str, what: str) -> None:
        """Count it. Raises ChatRefused with the time to wait."""
        wait_ms = limits.wait_ms(who, now_ms=time.monotonic_ns() // 1_000_000)
        if wait_ms:
            detail = f"more than {limits.rate.per_minute:g} {what} a minute; wait {wait_ms / 1_000:.1f} s"
            raise ChatRefused(429, "too_many", detail, retry_ms=wait_ms)

    def address(self, request: Request) -> str:
        """Whom an anonymous request counts for: an IPv4 address, or the /64 network of an IPv6 one."""
        address = request.client.host if request.client else ""
        if self.proxies_trusted:
            passed_on = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
            address = passed_on[-self.proxies_trusted].strip() if len(passed_on) >= self.proxies_trusted else address
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return "unknown"
        return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else str(known)


def bearer(request: Request) -> str | None:
    """The token of the Authorization header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def add_chat_refusals(app: FastAPI) -> None:
    """What is refused says why, and when to come again."""

    @app.exception_handler(ChatRefused)
    async def refused(_: Request, error: ChatRefused) -> JSONResponse:
        headers = {"Retry-After": str(-(-error.retry_ms // 1_000))} if error.retry_ms else {}
        if error.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse({"error": error.error, "detail": error.detail}, status_code=error.status, headers=headers)
