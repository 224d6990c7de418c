"""Which knobs does analytics have?"""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
