"""How is a row written as CSV that a spreadsheet takes as text?"""

from collections.abc import Iterable

Cell = str | int | float | bool | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With one of these a spreadsheet takes a cell for a formula, and does what it says."""
_QUOTED = frozenset('",\r\n')


def csv_line(cells: Iterable[Cell]) -> str:
    """RFC 4180; None is an empty cell. A text that a spreadsheet would take for a formula begins with an apostrophe."""
    return ",".join(map(_written, cells)) + "\r\n"


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return str(cell).lower()
    text = f"'{cell}" if cell.startswith(_FORMULA) else cell
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if _QUOTED & set(text) or text != text.strip() else text
