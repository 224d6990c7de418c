"""What can be set in each service? `python -m tests.support.settings_tables` writes the tables of their READMEs.

With `--check` it only names the READMEs whose table is out of date (status 1)."""

import sys
from importlib import import_module
from pathlib import Path

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
HEAD = ["| variable | default | meaning |", "| --- | --- | --- |"]


def readme_of(service: str) -> Path:
    return ROOT / "services" / service / "README.md"


def settings_table(service: str) -> list[str]:
    """Lines of the table, in the order of the class."""
    settings: type[BaseSettings] = import_module(f"{service.replace('-', '_')}.settings").Settings
    prefix = settings.model_config["env_prefix"]
    return HEAD + [
        f"| `{_variable(prefix, name, field)}` | {_default(field)} | {field.description} |"
        for name, field in settings.model_fields.items()
    ]


def with_table(text: str, table: list[str]) -> str:
    """The README with this table under `## Settings`; the section is added where it is missing."""
    lines = text.splitlines()
    if "## Settings" not in lines:
        lines += ["", "## Settings"]
    begin = lines.index("## Settings") + 1
    end = begin
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return "\n".join([*lines[:begin], *table, *lines[end:]]) + "\n"


def out_of_date() -> list[str]:
    """Services whose README does not say what their settings are."""
    return [
        service
        for service in SERVICES
        if not readme_of(service).exists()
        or readme_of(service).read_text() != with_table(readme_of(service).read_text(), settings_table(service))
    ]


def main(arguments: list[str]) -> int:
    wrong = out_of_date()
    if arguments == ["--check"]:
        sys.stderr.writelines(
            f"services/{service}/README.md is out of date: run `make catalogue`\n" for service in wrong
        )
        return 1 if wrong else 0
    for service in wrong:
        file = readme_of(service)
        file.write_text(with_table(file.read_text(), settings_table(service)))
    return 0


def _variable(prefix: str, name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"{prefix}{name.upper()}"


def _default(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if field.is_required():
        return "required"
    if isinstance(default, Path) and default.is_absolute():
        return "the shipped file"
    if default is None:
        return "unset"
    return "empty" if default == "" else f"`{default}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
