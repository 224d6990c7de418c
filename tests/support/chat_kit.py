"""A running inbox with its customers' port, and customers who use it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from joserfc.jwk import RSAKey

from contracts.conversations import MessageSent
from contracts.envelope import Message
from service_kit.connection import Connection
from service_kit.log import Log
from tests.support.handovers import BASED, put
from tests.support.kit import TENANT
from tests.support.wait_until import wait_until

SECRET = "signs sessions of customers, in tests only"
CUSTOMER_SECRET = "signs customers' tokens, in tests only, too"
CUSTOMER_KEY = RSAKey.generate_key(2048)
"""Of a company's backend; the inbox has its public half."""


@dataclass
class Customer:
    """One session over HTTP."""

    http: aiohttp.ClientSession
    token: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def get(self, path: str, **params: str) -> tuple[int, Any]:
        async with self.http.get(f"/v1/chat/{path}", params=params, headers=self.headers) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        async with self.http.post(f"/v1/chat/{path}", json=body, headers=self.headers) as answer:
            return answer.status, await answer.json()

    async def write(self, text: str, turn: str = "1") -> int:
        status, body = await self.post("messages", {"turn_id": turn, "text": text})
        assert status == 202, body
        return int(body["seq"])

    @asynccontextmanager
    async def feed(self, *, after: int | None = None) -> AsyncIterator["Feed"]:
        """The feed, read event by event."""
        resumed = {} if after is None else {"Last-Event-ID": str(after)}
        timeout = aiohttp.ClientTimeout(total=30)
        async with self.http.get("/v1/chat/feed", headers={**self.headers, **resumed}, timeout=timeout) as answer:
            assert answer.status == 200, await answer.text()
            yield Feed(answer)


@dataclass
class Feed:
    """What came by a feed so far."""

    answer: aiohttp.ClientResponse
    events: list[dict[str, Any]] = field(default_factory=list)

    async def next(self) -> dict[str, Any]:
        fields = {}
        while line := (await self.answer.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        assert "event" in fields, "the feed has ended"
        event = {"event": fields["event"], "id": fields.get("id"), "data": json.loads(fields["data"])}
        self.events.append(event)
        return event

    async def until(self, name: str, **values: object) -> dict[str, Any]:
        """The next event of this name with these values."""
        while True:
            event = await self.next()
            if event["event"] == name and values.items() <= event["data"].items():
                return dict(event["data"])


async def customer(http: aiohttp.ClientSession, token: str | None = None) -> Customer:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with http.post("/v1/chat/sessions", headers=headers) as answer:
        body = await answer.json()
        assert answer.status == 201, body
        return Customer(http, body["session_token"], body["conversation"])


def said(text: str, name: str, **fields: object) -> MessageSent:
    """A message to the customer, as the orchestrator appends it."""
    return MessageSent.model_validate({"message_id": name, "text": text, "based_on": BASED, **fields})


async def say_to(connection: Connection, key: str, text: str, name: str, **fields: object) -> int:
    return await put(connection, said(text, name, **fields), key, name=name)


async def messages_of(connection: Connection, key: str, kind: type[Message]) -> list[Message]:
    entries = await Log(connection).read(TENANT, key)
    return [entry.message for entry in entries if isinstance(entry.message, kind)]


async def shown(customer: Customer, count: int) -> list[dict[str, Any]]:
    """The messages, once there are so many."""
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        found[:] = (await customer.get("messages"))[1]["messages"]
        return len(found) >= count

    await wait_until(are_there)
    return found
