"""How much may one question in SQL use?"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

MEMORY_MB_DEFAULT, SECONDS_DEFAULT, ROWS_DEFAULT = 512, 30.0, 10_000
ANSWER_BYTES_MAX = 64 * 1024 * 1024


class SqlQuestion(BaseModel):
    """What the worker is told: a statement, tables by name with the files that hold their rows, and its limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sql: str = Field(min_length=1, max_length=100_000)
    tables: dict[str, Path]
    seconds: float = Field(SECONDS_DEFAULT, gt=0, le=3_600)
    memory_mb: int = Field(MEMORY_MB_DEFAULT, ge=64, le=65_536)
    rows_max: int = Field(ROWS_DEFAULT, ge=1, le=1_000_000)


class SqlAnswer(BaseModel):
    """Rows as JSON values; `is_cut`: there were more than asked for. `error`: why there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    columns: list[str] = []
    rows: list[list[str | int | float | bool | None]] = []
    is_cut: bool = False
    error: str | None = None
