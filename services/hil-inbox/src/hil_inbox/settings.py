"""Which knobs does the inbox have?"""

import ipaddress
from pathlib import Path

from pydantic import Field, FilePath, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment, prefix `HIL_INBOX_`."""

    model_config = SettingsConfigDict(env_prefix="HIL_INBOX_", frozen=True)

    nats_url: str = Field("nats://127.0.0.1:4222", description="Comma-separated list of NATS servers.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream that this service creates.")
    store_url: str = Field(
        "sqlite:///hil_inbox.sqlite3", description="Document store: sqlite:///file or mongodb://host/database."
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Redis of presence; while it is away nobody is assigned or re-homed."
    )
    lease_seconds: float = Field(
        20, ge=0.5, le=600, description="How long a sign of life of a person counts; the page sends one each 8 s."
    )
    grace_seconds: float = Field(
        60, ge=0.5, le=3_600, description="Who comes back within this time after their lease keeps what they own."
    )
    assign_every_seconds: float = Field(
        2, ge=0.05, le=60, description="Longest time between two looks at what may be assigned or re-homed."
    )
    agent_capacity: int = Field(
        5, ge=0, le=1_000, description="Handovers at a time for people of whom no document says how many."
    )
    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8084, ge=0, le=65535, description="Port of the API, health and metrics.")
    chat_port: int = Field(8086, ge=0, le=65535, description="Port of the customers' chat: `/chat` and `/v1/chat`.")
    chat_secret: SecretStr | None = Field(
        None, min_length=32, description="Signs customers' sessions; the customers' port is open only if it is set."
    )
    chat_tenants: str = Field(
        "acme",
        pattern=r"^[A-Za-z0-9_-]{1,128}(,[A-Za-z0-9_-]{1,128}){0,99}$",
        description="Tenants whose customers may chat, separated by commas; the first is that of anonymous ones.",
    )
    chat_anonymous: bool = Field(True, description="Whether somebody without a customer token may chat.")
    chat_customer_secret: SecretStr | None = Field(
        None, min_length=32, description="Checks customer tokens (JWT) signed with HS256."
    )
    chat_customer_public_key_file: FilePath | None = Field(
        None, description="Checks customer tokens (JWT) signed with RS256; PEM."
    )
    chat_session_seconds: int = Field(86_400, ge=60, le=2_592_000, description="How long a customer's session holds.")
    chat_origins: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:-]{1,253}(,https?://[A-Za-z0-9.:-]{1,253}){0,99})?$",
        description="Origins of pages that may embed the chat or call its API, separated by commas.",
    )
    chat_sessions_per_minute: int = Field(10, ge=1, le=10_000, description="New sessions of one address, each replica.")
    chat_messages_per_minute: int = Field(
        20, ge=1, le=10_000, description="Messages of one conversation, each replica; five times that of one address."
    )
    chat_proxies_trusted: int = Field(
        0, ge=0, le=10, description="Proxies in front of the customers' port whose `X-Forwarded-For` is believed."
    )
    rating_text: str = Field(
        "How did we do? Please rate us from 1 (bad) to 5 (good).",
        max_length=4_000,
        description="What customers are asked after a person has finished, in queues without a text; empty: nothing.",
    )
    chat_workflow: str | None = Field(
        None, max_length=128, description="Workflow of what customers write there; unset: the tenant's route."
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,300}$",
        description="Address that people use, without a path. With https:// cookies are secure and named __Host-.",
    )
    allowed_hosts: str = Field(
        "",
        description="Comma-separated names beside that of the public URL and loopback under which the service may be "
        "called; * for all, behind a proxy that checks.",
    )
    proxies: str = Field(
        "", description="Comma-separated networks of own proxies, whose X-Forwarded-For is believed (limits of logins)."
    )
    session_hours: float = Field(12, gt=0, le=720, description="A session ends after this time.")
    session_idle_minutes: float = Field(60, gt=1, le=43_200, description="A session ends when unused for this time.")
    oidc_file: Path | None = Field(None, description="YAML file that names the identity provider; no OIDC if unset.")
    oidc_client_secret: SecretStr | None = Field(None, description="Secret at the identity provider, if it gave one.")
    queues_file: Path | None = Field(
        None, description="YAML file of queues, their clocks and reactions; the shipped one, with one queue, if unset."
    )
    concurrency: int = Field(64, ge=1, le=1000, description="Messages in hand at once, for each consumer.")
    keys_cached_max: int = Field(10_000, ge=1, le=1_000_000, description="Folded conversations kept in memory.")
    undo_ms: int = Field(5_000, ge=0, le=30_000, description="How long a reply waits in which it can be taken back.")
    feed_events_max: int = Field(10_000, ge=100, le=1_000_000, description="Changes that a client may have missed.")
    feed_bytes_max: int = Field(67_108_864, ge=1_048_576, le=1 << 40, description="The same in bytes.")
    feed_heartbeat_seconds: float = Field(15.0, gt=0, le=60, description="Silence of the feed after which it says so.")
    feed_subscribers_max: int = Field(1_000, ge=1, le=100_000, description="Open streams of the feed.")
    feed_subscribers_per_actor_max: int = Field(10, ge=1, le=100_000, description="The same for one person or token.")
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of turns that are traced.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP endpoint for traces; none are exported if unset.")
    log_level: str = Field("info", description="debug, info, warning or error.")

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for part in listed(value):
            ipaddress.ip_network(part, strict=False)
        return value


def listed(value: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part.strip() for part in value.split(",") if part.strip())
