"""Which knobs does analytics have?"""

import ipaddress
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from http_gate.security_headers import LOOPBACK


class Settings(BaseSettings):
    """Read from the environment, prefix `ANALYTICS_`."""

    model_config = SettingsConfigDict(env_prefix="ANALYTICS_", frozen=True)

    nats_url: str = Field("nats://127.0.0.1:4222", description="Comma-separated list of NATS servers.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream that this service creates.")
    store_url: str = Field(
        "sqlite:///analytics.sqlite3", description="Document store: sqlite:///file or mongodb://host/database."
    )
    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8085, ge=0, le=65535, description="Port of the API, health and metrics.")
    access: Literal["tokens", "open"] = Field(
        "tokens", description="open lets everybody in as an admin of every tenant, on loopback only: for development."
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
        "",
        description="Comma-separated networks of own proxies, whose X-Forwarded-For is believed (limits of failures).",
    )
    session_hours: float = Field(12, gt=0, le=720, description="A browser's session ends after this time.")
    batch_max: int = Field(2_000, ge=1, le=4_000, description="Messages in hand, and counted in one write, at most.")
    alert_webhook_url: SecretStr | None = Field(
        None, description="Address that alerts are posted to, as Alertmanager's webhooks are; only on the bus if unset."
    )
    alert_webhook_token: SecretStr | None = Field(None, description="Bearer token for that address.")
    alerts_unrouted_seconds: int = Field(
        86_400, ge=0, description="How long the webhook hears nothing of an alert that is new."
    )
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of turns that are traced.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP endpoint for traces; none are exported if unset.")
    log_level: str = Field("info", description="debug, info, warning or error.")

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for part in listed(value):
            ipaddress.ip_network(part, strict=False)
        return value

    @model_validator(mode="after")
    def _is_open_on_loopback_only(self) -> "Settings":
        if self.access == "open" and self.http_host not in LOOPBACK:
            raise ValueError(f"access open: http_host {self.http_host} is not loopback; set access to tokens")
        return self


def listed(value: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part.strip() for part in value.split(",") if part.strip())
