"""python -m hil.analytics_sql.worker: one question in, one answer out, in a process that can do nothing else.

What a statement could reach is closed thrice: DuckDB's own settings, which can no longer be changed; one statement that
must be a SELECT; and limits of the process, within which no further file or socket can be opened, nothing written and
no more memory or time be had, should DuckDB's settings have a hole."""

import sys

import duckdb

from hil.analytics_sql.limits import ANSWER_BYTES_MAX, SqlAnswer, SqlQuestion
from hil.analytics_sql.rows import read_rows
from hil.analytics_sql.shut_in import shut_in

CLOSED = (
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "allow_community_extensions = false",
    "python_enable_replacements = false",  # Else a table's name may be a variable of this process.
    "temp_directory = ''",
    "max_temp_directory_size = '0B'",
    "enable_external_access = false",
    "lock_configuration = true",  # The last one: after it none can be set.
)
Plain = str | int | float | bool | None


def answered(question: SqlQuestion) -> SqlAnswer:
    """The answer; an error is one, too."""
    try:
        connection = _opened(question)
        shut_in(seconds=question.seconds, memory_mb=question.memory_mb)
        return _rows(connection, question)
    except (duckdb.Error, MemoryError, _Refused) as error:
        return SqlAnswer(error=str(error)[:2_000] or type(error).__name__)


class _Refused(Exception):
    pass


def _opened(question: SqlQuestion) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": "1", "memory_limit": f"{question.memory_mb}MB"})
    for name, file in question.tables.items():
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {read_rows(name, file)}")  # noqa: S608 - names are ours
    for setting in CLOSED:
        connection.execute(f"SET {setting}")
    return connection


def _rows(connection: duckdb.DuckDBPyConnection, question: SqlQuestion) -> SqlAnswer:
    statements = connection.extract_statements(question.sql)
    kinds = [one.type.name for one in statements]
    if kinds != ["SELECT"]:
        told = ", ".join(kinds) or "none"
        raise _Refused(f"one SELECT is answered (also FROM, WITH, VALUES, DESCRIBE, SUMMARIZE); this is {told}")
    result = connection.execute(statements[0])
    columns = [column[0] for column in result.description or []]
    rows: list[list[Plain]] = []
    size = 0
    while len(rows) <= question.rows_max and (found := result.fetchmany(1_000)):
        plain = [[_plain(value) for value in row] for row in found]
        size += sum(len(value) if isinstance(value, str) else 8 for row in plain for value in row)
        if size > ANSWER_BYTES_MAX // 8:  # Escaped, a character may take six bytes.
            raise _Refused(f"the answer is over the limit of {ANSWER_BYTES_MAX // 8} characters; ask for fewer rows")
        rows += plain
    return SqlAnswer(columns=columns, rows=rows[: question.rows_max], is_cut=len(rows) > question.rows_max)


def _plain(value: object) -> Plain:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float) and abs(value) < 2**63:
        return value
    return str(value)


if __name__ == "__main__":
    told = SqlQuestion.model_validate_json(sys.stdin.buffer.read())
    sys.stdout.write(answered(told).model_dump_json())
