"""What does the body of a message look like, as a JSON Schema that any language can read?"""

import json

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema

from contracts.envelope import Message

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _WithoutTitles(GenerateJsonSchema):
    """Field names say what generated titles would only repeat."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def json_schema_of(kind: type[Message]) -> dict[str, JsonValue]:
    """JSON Schema 2020-12 of a body; `pii: true` marks what may hold personal data. Unknown fields are allowed:
    readers ignore them."""
    schema: dict[str, JsonValue] = kind.model_json_schema(schema_generator=_WithoutTitles)
    return {"$schema": DIALECT, "$id": f"urn:{kind.route.type.replace('.', ':')}", **schema}


def schema_of_part(kind: type[BaseModel], name: str) -> dict[str, JsonValue]:
    """JSON Schema of a part of bodies that readers want to check by itself."""
    schema: dict[str, JsonValue] = kind.model_json_schema(schema_generator=_WithoutTitles)
    return {"$schema": DIALECT, "$id": f"urn:hil:{name}", **schema}


def json_text(tree: JsonValue) -> str:
    """Indented JSON, ending with a newline."""
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
