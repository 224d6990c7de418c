"""Which knobs does the gateway have?"""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from cost_gate import AMOUNT_MICRODOLLARS_MAX, LIMIT_MAX
from llm_gateway.domain.models import URL_PATTERN
from pii import checked_regions


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
        "https://api.openai.com/v1",
        pattern=f"^{URL_PATTERN}$",
        description="Base URL of the OpenAI-compatible provider named `default`.",
    )
    provider_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("LLM_GATEWAY_PROVIDER_API_KEY", "OPENAI_API_KEY"),
        description="Key of the provider named `default`; `OPENAI_API_KEY` is read too.",
    )
    provider_trusted_with_pii: bool = Field(
        False, description="The provider named `default` gets personal data unmasked: it runs in the house."
    )
    provider_api_keys: dict[str, SecretStr] = Field({}, description="JSON: keys of further providers by name.")
    models_file: Path = Field(
        Path(__file__).parent / "models.yaml",
        description="Models with prices, and profiles; the shipped file if unset.",
    )
    execution_cap_microdollars: int = Field(
        1_000_000,
        ge=0,
        le=AMOUNT_MICRODOLLARS_MAX,
        description="Cap of an execution whose command names no cap at all.",
    )
    budget_wait_seconds_max: float = Field(
        30.0, ge=0, le=600, description="How long a call waits for money that others hold and may give back."
    )
    tenant_requests_per_minute: int | None = Field(
        None, ge=1, le=LIMIT_MAX, description="Limit of each tenant; none if unset."
    )
    tenant_tokens_per_minute: int | None = Field(
        None, ge=1, le=LIMIT_MAX, description="Limit of each tenant; none if unset."
    )
    tenant_concurrent_max: int = Field(1000, ge=1, le=LIMIT_MAX, description="Calls of one tenant in flight at once.")
    entity_requests_per_minute: int | None = Field(
        600, ge=1, le=LIMIT_MAX, description="Limit of each entity; none if unset."
    )
    entity_tokens_per_minute: int | None = Field(
        None, ge=1, le=LIMIT_MAX, description="Limit of each entity; none if unset."
    )
    entity_concurrent_max: int = Field(50, ge=1, le=LIMIT_MAX, description="Calls of one entity in flight at once.")
    pii_secret: SecretStr = Field(
        SecretStr(""),
        description="Key of the placeholders of masked values, the same in every replica; made anew at start if unset.",
    )
    phone_regions: Annotated[str, AfterValidator(checked_regions)] = Field(
        "US", description="Comma-separated list of countries whose telephone numbers are masked without a country, too."
    )
    names_model: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="`module:function` that loads a spaCy pipeline (`en_core_web_sm:load`), to mask names of persons.",
    )
    names_seconds_max: float = Field(
        10.0, gt=0, le=120, description="A request whose names are not found by then is refused."
    )
    cache_verify_share: float = Field(
        0.05, ge=0, le=1, description="Share of semantic cache hits that the model is asked as well."
    )
    cache_embeddings: str = Field(
        "",
        description="Embedding model or profile that the semantic cache asks; the embeddings it ships with if empty.",
    )
    api_keys_file: Path | None = Field(
        None, description="Keys of the HTTP API, made by `hil llm key create`; without it /v1 answers 401."
    )
    http_concurrency: int = Field(512, ge=1, le=10_000, description="Requests over HTTP in flight at once.")
    http_stalled_seconds_max: float = Field(
        30.0, gt=0, le=600, description="How long the reader of a stream may take nothing before it counts as gone."
    )
    concurrency: int = Field(64, ge=1, le=1000, description="Completions of the bus in flight at once.")
    prompts_cached_max: int = Field(2000, ge=0, description="Agent loops whose prompts are kept in memory.")
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of turns that are traced.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP endpoint for traces; none are exported if unset.")
    log_level: str = Field("info", description="debug, info, warning or error.")
