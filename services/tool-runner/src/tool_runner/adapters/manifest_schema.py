"""Which JSON Schema do editors check a manifest with? `python -m tool_runner.adapters.manifest_schema` writes it."""

import json
from pathlib import Path

from tool_runner.adapters.manifest_file.document import ManifestDocument

SCHEMA_FILE = Path(__file__).parents[3] / "tools.schema.json"


def schema_text() -> str:
    """The schema as it is published. What one part says of another (names, circles) is checked at the start only."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **ManifestDocument.model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), "utf-8")
