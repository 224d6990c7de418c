"""Which knobs does the inbox have?"""

import ipaddress
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment, prefix `HIL_INBOX_`."""

    model_config = SettingsConfigDict(env_prefix="HIL_INBOX_", frozen=True)

    nats_url: str = Field("nats://127.0.0.1:4222", description="Comma-separated list of NATS servers.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream that this service creates.")
    store_url: str = Field(
        "sqlite:///hil_inbox.sqlite3", description="Document store: sqlite:///file or mongodb://host/database."
    )
    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8084, ge=0, le=65535, description="Port of the API, health and metrics.")
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
    feed_events_max: int = Field(10_000, ge=100, le=1_000_000, description="Changes that a client may have missed.")
    feed_bytes_max: int = Field(67_108_864, ge=1_048_576, le=1 << 40, description="The same in bytes.")
    feed_heartbeat_seconds: float = Field(15.0, gt=0, le=60, description="Silence of the feed after which it says so.")
    feed_subscribers_max: int = Field(1_000, ge=1, le=100_000, description="Open streams of the feed.")
    feed_subscribers_per_actor_max: int = Field(10, ge=1, le=100_000, description="The same for one person or token.")
    undo_ms: int = Field(5_000, ge=0, le=30_000, description="How long a reply waits in which it can be taken back.")
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
