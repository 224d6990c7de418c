"""Which knobs does the inbox have?"""

from pydantic import Field
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
    concurrency: int = Field(64, ge=1, le=1000, description="Messages in hand at once, for each consumer.")
    keys_cached_max: int = Field(10_000, ge=1, le=1_000_000, description="Folded conversations kept in memory.")
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of turns that are traced.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP endpoint for traces; none are exported if unset.")
    log_level: str = Field("info", description="debug, info, warning or error.")
