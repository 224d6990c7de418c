"""How does text from other files come into a workflow before it is published: `%{NAME}`, replaced by a value?"""

import re
from collections.abc import Mapping
from pathlib import Path

from hil.outcome import bad_input

_PLACE = re.compile(r"%\{([A-Za-z][A-Za-z0-9_]*)\}")


def filled(source: str, values: Mapping[str, str], *, file_name: str) -> str:
    """The source with every `%{NAME}` replaced. A value of several lines is indented like the line that it comes
    into, so it stays inside its YAML block. Raises CommandError for a name without a value."""
    return "\n".join(
        _filled_line(line, values, f"{file_name}:{number}") for number, line in enumerate(source.split("\n"), start=1)
    )


def read_values(settings: list[str]) -> dict[str, str]:
    """Values of `--set NAME=text` and `--set NAME=@file`. Raises CommandError."""
    values = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or not _PLACE.fullmatch(f"%{{{name}}}"):
            raise bad_input(f"--set {setting[:80]!r} is not NAME=text or NAME=@file")
        values[name] = _read(Path(value[1:])) if value.startswith("@") else value
    return values


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise bad_input(f"--set: {file} cannot be read: {error}") from error


def _filled_line(line: str, values: Mapping[str, str], place: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]

    def value_of(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            raise bad_input(f"{place}: %{{{name}}} has no value (give one with --set {name}=@FILE)")
        first, *others = values[name].strip("\n").split("\n")
        return "\n".join([first, *(f"{indent}{other}" if other.strip() else "" for other in others)])

    return _PLACE.sub(value_of, line)
