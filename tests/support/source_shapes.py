"""What does the product's code look like, as a syntax tree that a test can ask?"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))


@dataclass(frozen=True, slots=True)
class Source:
    """One module of the product."""

    file: Path
    tree: ast.Module
    lines: int

    def __str__(self) -> str:
        return str(self.file.relative_to(ROOT))

    def at(self, node: ast.AST) -> str:
        return f"{self}:{getattr(node, 'lineno', 0)}"


@cache
def sources() -> tuple[Source, ...]:
    """Every module of contracts, libraries, services and the command line."""
    files = [
        file
        for pattern in ("contracts/src", "libs/*/src", "services/*/src", "cli/src")
        for folder in ROOT.glob(pattern)
        for file in sorted(folder.rglob("*.py"))
    ]
    return tuple(Source(file, ast.parse(text := file.read_text(), str(file)), len(text.splitlines())) for file in files)


def package_of(service: str) -> Path:
    return ROOT / "services" / service / "src" / service.replace("-", "_")


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imports(source: Source) -> set[str]:
    """Top-level names of what a module imports."""
    found = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def calls(source: Source, name: str) -> Iterator[ast.Call]:
    """Calls of a function or method of this name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and called(node) == name:
            yield node


def called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def handlers_of(source: Source, error: str) -> Iterator[ast.ExceptHandler]:
    """`except error`, alone or among others; `error` empty: without any."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            names = [part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)] if node.type else [""]
            if error in names:
                yield node
