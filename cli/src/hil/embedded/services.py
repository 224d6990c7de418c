"""Which services belong to the system, and what does each need to know to start?"""

import asyncio
import base64
import importlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from hil.api_key_files import entry_for, keep_key, keep_secret, new_key
from hil.embedded.units import Serve

TENANT = "acme"
"""Whose the HTTP API's first key is."""
API_KEY_FILE_NAME = "api_key"
ALL_SCOPES = frozenset({"chat", "embeddings", "models", "admin"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one instance of a service is told about the others."""

    nats_url: str
    redis_url: str
    http_port: int
    stores_dir: Path
    provider_url: str | None = None  # None: the service's own default, or what the environment says.


Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its package, and the fields of its `Settings` that the stack fills in."""

    name: str
    package: str
    fields: Callable[[Surroundings], Fields]

    @property
    def prefix(self) -> str:
        """What its environment variables begin with."""
        return f"{self.package.rpartition('.')[2].upper()}_"

    def environment(self, surroundings: Surroundings, extra: Mapping[str, str]) -> dict[str, str]:
        """The whole environment for a process of its own; what the stack decides wins over all else."""
        own = {f"{self.prefix}{key.upper()}": value for key, value in self.fields(surroundings).items()}
        return {**os.environ, **extra, **own}

    def serve(self, environment: Mapping[str, str]) -> Serve:
        """The service as a coroutine of this process, with the settings that a process of its own would have."""

        async def serve(stop: asyncio.Event, ready: asyncio.Event) -> None:
            settings_module = cast(SettingsModule, importlib.import_module(f"{self.package}.settings"))
            app_module = cast(AppModule, importlib.import_module(f"{self.package}.app"))
            with _environment(environment):
                settings = settings_module.Settings()
            await app_module.serve(settings, stop=stop, ready=ready)

        return serve


class SettingsModule(Protocol):
    """`<package>.settings`, the only module of a service that reads the environment."""

    def Settings(self) -> object: ...  # noqa: N802 - it is a class in the module


class AppModule(Protocol):
    """`<package>.app`."""

    async def serve(self, settings: object, *, stop: asyncio.Event, ready: asyncio.Event) -> None: ...


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Nothing is awaited inside, so that no other service of this process sees it."""
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _bus(around: Surroundings) -> Fields:
    return {"nats_url": around.nats_url, "http_port": str(around.http_port)}


def _bus_and_redis(around: Surroundings) -> Fields:
    return {**_bus(around), "redis_url": around.redis_url}


def _gateway(around: Surroundings) -> Fields:
    # The replay model runs in this house, and finds its part in the play by what customers say.
    replayed = {"provider_url": around.provider_url or "", "provider_trusted_with_pii": "true"}
    provider: Fields = {} if around.provider_url is None else {**replayed}
    return {**_bus_and_redis(around), **provider, **_gateway_secrets(around.stores_dir)}


def api_key_file(stores_dir: Path) -> Path | None:
    """Where the key is that was made here; None where the environment names other keys."""
    file = stores_dir / API_KEY_FILE_NAME
    return file if file.exists() and not os.environ.get("LLM_GATEWAY_API_KEYS_FILE") else None


def _gateway_secrets(folder: Path) -> Fields:
    """Made once, and kept for their owner's eyes only: the key of placeholders, and one key of the HTTP API, in
    `api_key` beside the file of hashes. Where the environment names others, those."""
    found: Fields = {}
    if not os.environ.get("LLM_GATEWAY_PII_SECRET"):
        found["pii_secret"] = keep_secret(folder / "pii_secret", secrets.token_urlsafe(32))
    if not os.environ.get("LLM_GATEWAY_API_KEYS_FILE"):
        keys = folder / "api_keys.yaml"
        key = keep_secret(folder / API_KEY_FILE_NAME, new_key())
        keep_key(keys, entry_for(key, name="hil up", tenant=TENANT, scopes=ALL_SCOPES))
        found["api_keys_file"] = str(keys)
    return found


def _tool_runner(around: Surroundings) -> Fields:
    """With the keys of its ledger and of its vault, made once: with others it could not read what it has kept."""
    store = f"sqlite:///{around.stores_dir / 'tool_runner.sqlite3'}"
    found: Fields = {**_bus_and_redis(around), "store_url": store, "sandbox_dir": str(around.stores_dir / "sandbox")}
    if not os.environ.get("TOOL_RUNNER_LEDGER_SECRET"):
        found["ledger_secret"] = keep_secret(around.stores_dir / "ledger_secret", secrets.token_urlsafe(32))
    if not (os.environ.get("TOOL_RUNNER_VAULT_KEYS") or os.environ.get("TOOL_RUNNER_VAULT_KEYS_FILE")):
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        found["vault_keys"] = keep_secret(around.stores_dir / "vault_keys", f"first:{key}")
    return found


def _with_store(file_name: str) -> Callable[[Surroundings], Fields]:
    def fields(around: Surroundings) -> Fields:
        return {**_bus(around), "store_url": f"sqlite:///{around.stores_dir / file_name}"}

    return fields


def _inbox(around: Surroundings) -> Fields:
    return {**_with_store("hil_inbox.sqlite3")(around), "redis_url": around.redis_url}


SERVICES = (
    Service("orchestrator", "orchestrator", _bus),
    Service("llm_gateway", "llm_gateway", _gateway),
    Service("tool_runner", "tool_runner", _tool_runner),
    Service("hil_inbox", "hil_inbox", _inbox),
    Service("analytics", "analytics", _with_store("analytics.sqlite3")),
)
