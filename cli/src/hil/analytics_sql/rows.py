"""Which tables are there, and of which types are their columns?"""

from pathlib import Path

from analytics.domain.listed_rows import CONVERSATION_COLUMNS, EXECUTION_COLUMNS

TABLES = {"executions": EXECUTION_COLUMNS, "conversations": CONVERSATION_COLUMNS}
_FLAGS = frozenset({"success", "default_response", "handed_over"})
_TEXTS = frozenset(
    {
        "tenant",
        "key",
        "execution_id",
        "workflow",
        "version",
        "stage",
        "mode",
        "turn_id",
        "sink",
        "reason",
        "ended",
        "outcome",
    }
    | {"resolution"}
)


def column_types(table: str) -> dict[str, str]:
    """DuckDB's type of each column; what is neither a text nor a flag is a number."""
    return {name: _type_of(name) for name in TABLES[table]}


def read_rows(table: str, file: Path) -> str:
    """SQL that reads an exported file, of lines of JSON, also an empty one."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in column_types(table).items())
    return f"read_json({quoted(file)}, format='newline_delimited', columns={{{columns}}})"


def quoted(file: Path) -> str:
    """As a text of SQL."""
    return "'" + str(file).replace("'", "''") + "'"


def _type_of(name: str) -> str:
    return "BOOLEAN" if name in _FLAGS else "VARCHAR" if name in _TEXTS else "BIGINT"
