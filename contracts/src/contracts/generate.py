"""Which files of contracts/ follow from the code, and are they up to date? `python -m contracts.generate [--check]`"""

import json
import sys
from pathlib import Path

from pydantic import JsonValue

from contracts.asyncapi import asyncapi_document
from contracts.catalogue import ALL_MESSAGES
from contracts.envelope import Message
from contracts.handovers import HandoverPacket
from contracts.json_schemas import json_schema_of, json_text, schema_of_part
from contracts.yaml_text import yaml_text

HOME = Path(__file__).parents[2]
MARKER = "<!-- Below this line: written by `make catalogue`. -->"


def generated(home: Path) -> dict[str, str]:
    """Text of every generated file, by its path below `home`; reads the samples and the README's hand-written top.

    Raises FileNotFoundError where a message has no sample."""
    files = {f"schemas/{kind.route.type}.json": json_text(json_schema_of(kind)) for kind in ALL_MESSAGES}
    files["handover-packet.v1.json"] = json_text(schema_of_part(HandoverPacket, "handover-packet:v1"))
    samples = {kind.route.type: _sample(home, kind) for kind in ALL_MESSAGES}
    files["asyncapi.yaml"] = yaml_text(asyncapi_document(ALL_MESSAGES, samples))
    top, marker, _ = (home / "README.md").read_text().partition(MARKER)
    assert marker, f"README.md has no line {MARKER!r}"
    files["README.md"] = f"{top}{MARKER}\n\n{catalogue_table(ALL_MESSAGES)}"
    return files


def catalogue_table(kinds: tuple[type[Message], ...]) -> str:
    """The catalogue as Markdown, ordered by subject."""
    lines = ["| message | kind | owner | sent by | read by | what it says |", "| --- | --- | --- | --- | --- | --- |"]
    for kind in sorted(kinds, key=lambda kind: kind.route.type):
        route = kind.route
        links = f"`{route.type}` ([schema](schemas/{route.type}.json), [sample](samples/{route.type}.json))"
        says = " ".join((kind.__doc__ or "").split())
        sent, read = ", ".join(route.sent_by), ", ".join(route.read_by)
        word = "command" if route.kind == "cmd" else "event"
        lines.append(f"| {links} | {word} | {route.owner} | {sent} | {read} | {says} |")
    return "\n".join(lines) + "\n"


def stale(home: Path) -> list[str]:
    """Generated files that are missing or differ from what the code says."""
    return [name for name, text in generated(home).items() if _text_of(home / name) != text]


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` only name those that are out of date (status 1)."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m contracts.generate [--check]\n")
        return 2
    out_of_date = stale(HOME)
    if arguments:
        sys.stderr.writelines(f"contracts/{name} is out of date: run `make catalogue`\n" for name in out_of_date)
        return 1 if out_of_date else 0
    for name, text in generated(HOME).items():
        (HOME / name).parent.mkdir(exist_ok=True)
        (HOME / name).write_text(text)
    return 0


def _sample(home: Path, kind: type[Message]) -> JsonValue:
    body: JsonValue = json.loads((home / "samples" / f"{kind.route.type}.json").read_text())
    return body


def _text_of(file: Path) -> str | None:
    return file.read_text() if file.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
