"""Which JSON Schema do editors check a models file with? `python -m llm_gateway.adapters.models_schema` writes it.

It is published beside the shipped file, which names it in its first line."""

import json
from pathlib import Path

from llm_gateway.adapters.models_file import ModelsDocument

SCHEMA_FILE = Path(__file__).parents[1] / "models.schema.json"


def schema_text() -> str:
    """The schema as it is published. What one part says of another (names, circles) is checked at the start only."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **ModelsDocument.model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), "utf-8")
