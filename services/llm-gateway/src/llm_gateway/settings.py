"""Which knobs does the gateway have?"""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment, prefix `LLM_GATEWAY_`."""

    model_config = SettingsConfigDict(
        env_prefix="LLM_GATEWAY_", env_ignore_empty=True, frozen=True, populate_by_name=True
    )

    nats_url: str = Field("nats://127.0.0.1:4222", description="Comma-separated list of NATS servers.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Replicas of every stream and bucket; 3 in a cluster.")
    redis_url: str = Field("redis://127.0.0.1:6379/0", description="Redis of the cost gate.")
    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8082, ge=0, le=65535, description="Port of health, metrics and the API.")
    provider_url: str = Field(
        "https://api.openai.com/v1", description="Base URL of the OpenAI-compatible provider named `default`."
    )
    provider_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("LLM_GATEWAY_PROVIDER_API_KEY", "OPENAI_API_KEY"),
        description="Key of the provider named `default`; `OPENAI_API_KEY` is read too.",
    )
    provider_api_keys: dict[str, SecretStr] = Field({}, description="JSON: keys of further providers by name.")
    models_file: Path = Field(
        Path(__file__).parent / "models.yaml",
        description="Models with prices, and profiles; the shipped file if unset.",
    )
    execution_cap_microdollars: int = Field(
        1_000_000, ge=0, description="Cap of an execution whose command names no cap at all."
    )
    concurrency: int = Field(64, ge=1, le=1000, description="Completions in flight at once.")
    prompts_cached_max: int = Field(2000, ge=0, description="Agent loops whose prompts are kept in memory.")
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of turns that are traced.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP endpoint for traces; none are exported if unset.")
    log_level: str = Field("info", description="debug, info, warning or error.")
