"""Every knob of the orchestrator; the only module of it that reads the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from `ORCHESTRATOR_...`; a bad value stops the start with its name and limit."""

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_", frozen=True, extra="ignore")
    nats_url: str = Field("nats://127.0.0.1:4222", description="One address, or several with commas between.")
    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8081, ge=0, le=65_535, description="Port to listen on.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Replicas of every stream and bucket; 3 in a cluster.")
    concurrency: int = Field(256, ge=1, le=5_000, description="Inputs in hand at once in this process.")
    states_cached_max: int = Field(20_000, ge=1, description="Folded states kept in memory.")
    sweep_seconds: float = Field(10.0, gt=0, description="Time between two looks at overdue timers.")
    storage_bytes_max: int = Field(
        8 * 1024**3, ge=1, description="Bytes that the log may take where the NATS account declares no limit."
    )
    storage_stop_ratio: float = Field(0.8, gt=0, le=1, description="Share of that at which intake over HTTP stops.")
    archive_after_seconds: float = Field(86_400.0, ge=0, description="Age at which a closed log is archived.")
    breaker_failures_min: int = Field(10, ge=0, description="Failures that open a node's breaker; 0 is never.")
    breaker_executions_min: int = Field(5, ge=1, description="Different executions that they must come from.")
    breaker_window_seconds: float = Field(60.0, gt=0, description="Within this time.")
    breaker_open_seconds: float = Field(30.0, gt=0, description="How long the node is left alone.")
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of turns that are traced.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level that is logged.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP address for traces; none are exported without it.")
