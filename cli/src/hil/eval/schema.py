"""Which JSON Schema do editors check a suite with? `python -m hil.eval.schema` writes it."""

import json

from hil.demo.prepare import SHIPPED_WORKFLOWS
from hil.eval.suite import Suite

SCHEMA_FILE = SHIPPED_WORKFLOWS / "suite.schema.json"


def schema_text() -> str:
    """The schema as it is published. Queries, and what one part says of another, are checked by the command only."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Suite.model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), "utf-8")
