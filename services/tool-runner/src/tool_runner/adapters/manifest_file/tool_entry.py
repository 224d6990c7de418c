"""What can a manifest say of one tool?"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from tool_runner.domain.manifest import Quota, QuotaPer, ResultPii, SideEffect

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Permission = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.:-]{0,63}$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
TIMEOUT_MS_MAX = 3_600_000
COST_USD_MAX = 1_000
COUNT_MAX = 10**9
_OWNED_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type"})


def microdollars(cost_usd: Decimal) -> int:
    """Integer micro-dollars. Raises ValueError for a fraction of one."""
    amount = cost_usd * 1_000_000
    if amount != int(amount):
        raise ValueError("finer than a micro-dollar; round it to 0.000001")
    return int(amount)


def _whole(cost_usd: Decimal) -> Decimal:
    microdollars(cost_usd)
    return cost_usd


def _as_written(value: object) -> object:
    """A YAML float as its shortest decimal, which is what was written."""
    return str(value) if isinstance(value, float) else value


def usable_header(name: str) -> str:
    """Raises ValueError for a header that the client owns."""
    if name.lower() in _OWNED_HEADERS:
        raise ValueError(f"{name} is set by the client itself")
    return name


Cost = Annotated[Decimal, Field(ge=0, le=COST_USD_MAX), BeforeValidator(_as_written), AfterValidator(_whole)]
Header = Annotated[HeaderName, AfterValidator(usable_header)]


class Part(BaseModel):
    """Nothing unknown is accepted anywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class QuotaEntry(Part):
    """So many calls in a window of the UTC calendar."""

    per: QuotaPer
    calls_max: int = Field(ge=1, le=COUNT_MAX)
    window: Literal["hour", "day", "month"] = "day"

    def quota(self) -> Quota:
        return Quota(self.per, self.calls_max, self.window)


class RulesEntry(Part):
    """What holds for a tool; as `defaults`, for the tools of a server that say nothing else."""

    cost_usd: Cost | None = Field(None, description="What one call costs; 0 must be written, too.")
    side_effect: SideEffect | None = Field(None, description="write if nothing is said.")
    idempotent: bool | None = Field(None, description="Repeats of a call are the same effect.")
    timeout_ms: int | None = Field(None, ge=1, le=TIMEOUT_MS_MAX)
    idempotency_argument: str | None = Field(None, description="The argument in which the server takes a key.")
    idempotency_header: Header | None = Field(None, description="The same as a header; of `url` and `openapi`.")
    rate_limit_rpm: int | None = Field(None, ge=1, le=COUNT_MAX, description="Calls a minute.")
    concurrent_max: int | None = Field(None, ge=1, le=10_000, description="Calls at once, of all runners.")
    quotas: list[QuotaEntry] | None = Field(None, max_length=10)
    cache_ttl_seconds: float | None = Field(None, ge=0, le=30 * 86_400, description="Results are kept; `read` only.")
    approvals: list[Name] | None = Field(None, max_length=20, description="Policies that ask a person first.")
    permissions_required: list[Permission] | None = Field(None, max_length=20)
    authentication_required: Name | None = Field(None, description="The app whose connected account is needed.")
    untrusted: bool | None = Field(None, description="Results hold what strangers wrote; true if nothing is said.")
    result_characters_max: int | None = Field(None, ge=1, le=8_000_000)
    result_pii: ResultPii | None = Field(None, description="What becomes of personal data in results.")


class ToolEntry(RulesEntry):
    """One tool. What its source lists is replaced where something is said here."""

    description: str | None = Field(None, min_length=1, max_length=20_000)
    input_schema: dict[str, JsonValue] | None = Field(None, description="JSON Schema, Draft 2020-12.")
    output_schema: dict[str, JsonValue] | None = Field(None, description="JSON Schema, Draft 2020-12.")
    pii_arguments: list[str] = Field([], max_length=100, description="Arguments that are personal data.")
    pii_results: list[str] = Field([], max_length=100, description="Fields of the result that are personal data.")
    python: str | None = Field(None, pattern=r"^[\w.]+:\w+$", description="package.module:function")
    code: str | None = Field(None, description="A file beside this one; it runs in the sandbox.")
