"""Which knobs does the tool runner have?"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.streams import TOOL_RUNNER
from cost_gate import AMOUNT_MICRODOLLARS_MAX
from pii import checked_regions
from tool_runner.domain.addresses import checked_public_url


class Settings(BaseSettings):
    """Read from the environment, prefix `TOOL_RUNNER_`."""

    model_config = SettingsConfigDict(env_prefix="TOOL_RUNNER_", frozen=True, populate_by_name=True)

    nats_url: str = Field("nats://127.0.0.1:4222", description="Comma-separated list of NATS servers.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream that this service creates.")
    redis_url: str = Field("redis://127.0.0.1:6379/0", description="Redis of the call ledger and the cost gate.")
    execution_cap_microdollars: int = Field(
        1_000_000,
        ge=0,
        le=AMOUNT_MICRODOLLARS_MAX,
        description="Cap of an execution whose calls name no cap and whose tenant has none; 0 refuses every tool that "
        "costs.",
    )
    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8083, ge=0, le=65535, description="Port of health, metrics and the list of tools.")
    servers_file: Path | None = Field(None, description="The manifest: servers of tools, and grants; none if unset.")
    child_path: str = Field(
        "/usr/local/bin:/usr/bin:/bin",
        validation_alias=AliasChoices("TOOL_RUNNER_CHILD_PATH", "PATH"),
        description="PATH of the tool servers; the runner's own if unset.",
    )
    concurrency: int = Field(
        512,
        ge=8,
        le=1000,
        description="Tool calls in hand at once; an eighth of them for each server, or its own `concurrency` if that "
        "is more.",
    )
    lease_seconds: float = Field(6.0, ge=0.3, le=300, description="A silent owner of a call counts as dead after this.")
    ledger_keep_seconds: float = Field(86_400.0, ge=60, description="How long an ended call is remembered.")
    ledger_secret: SecretStr = Field(
        SecretStr(""),
        description="Key of the results in the ledger, at least 16 characters, the same in every replica; must be set.",
    )
    store_url: str = Field(
        "sqlite:///tool_runner.sqlite3",
        description="Document store of connected accounts: sqlite:///file or mongodb://host/database; "
        "opened if the servers file has apps.",
    )
    vault_keys: SecretStr = Field(
        SecretStr(""),
        description="Master keys of connected accounts, `id:base64` of at least 32 bytes, by comma, newest first; "
        "must be set if the servers file has apps.",
    )
    vault_keys_file: Path | None = Field(None, description="File with the master keys, one a line, newest first.")
    public_url: Annotated[str, AfterValidator(checked_public_url)] | None = Field(
        None,
        max_length=500,
        description="https address under which browsers reach this API; `http://127.0.0.1:<port>` if unset.",
    )
    ack_wait_seconds: float = Field(
        TOOL_RUNNER.ack_wait_seconds,
        ge=1,
        description="A command whose runner is silent is delivered again after this.",
    )
    phone_regions: Annotated[str, AfterValidator(checked_regions)] = Field(
        "US",
        description="Comma-separated list of countries whose telephone numbers are redacted without a country, too.",
    )
    sandbox_dir: Path = Field(
        Path(".run/sandbox"), description="Folder of the sandbox's file system (50 MB, built once), its user's alone."
    )
    sandbox_backend: Literal["bubblewrap", "gvisor", "kubernetes"] = Field(
        "bubblewrap",
        description="What closes the sandbox: bubblewrap (tier A), gVisor's runsc on PATH, or Jobs of Kubernetes whose "
        "RuntimeClass is gVisor's (tier C).",
    )
    sandbox_tier_min: Literal["A", "C"] = Field(
        "A", description="Code runs in a sandbox of this tier or a stronger one, or not at all (docs/sandbox.md)."
    )
    sandbox_slots: int = Field(8, ge=1, le=256, description="Pieces of code that run at once.")
    sandbox_warm: int = Field(2, ge=0, le=32, description="Interpreters that wait for code; 6 MB each.")
    sandbox_uid_first: int = Field(
        61_000,
        ge=1000,
        le=2**31,
        description="User id of the first slot, then those of boxed servers; nobody else may have them.",
    )
    sandbox_packages: str = Field(
        "",
        description="Comma-separated list of installed distributions that code may import.",
    )
    sandbox_kubernetes_url: str = Field(
        "https://kubernetes.default.svc",
        pattern=r"^https://[A-Za-z0-9.:\[\]-]+$",
        max_length=300,
        description="API of the cluster whose Jobs run code.",
    )
    sandbox_kubernetes_credentials: Path | None = Field(
        None, description="Folder with `token` and `ca.crt` of that API; where pods find their own if unset."
    )
    sandbox_kubernetes_namespace: str = Field(
        "hil-sandbox",
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Namespace of these Jobs; nothing else may run in it (k8s/sandbox).",
    )
    sandbox_kubernetes_runtime_class: str = Field(
        "gvisor", pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", description="RuntimeClass of their pods."
    )
    sandbox_kubernetes_image: str = Field(
        "python:3.11-slim-bookworm",
        min_length=1,
        max_length=500,
        description="Image of their pods: Python from 3.11, and the packages that code may import.",
    )
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of turns that are traced.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP endpoint for traces; none are exported if unset.")
    log_level: str = Field("info", description="debug, info, warning or error.")
