"""Does a value fit the JSON Schema that a workflow declares?"""

import json
from collections.abc import Mapping
from functools import lru_cache

from json_schema import BoundedSchema, SchemaUnusable, bounded_schema
from orchestrator.domain.workflow import JsonValue

PROBLEM_CHARACTERS_MAX = 300


def misfit(value: JsonValue, schema: Mapping[str, JsonValue] | None) -> str | None:
    """The first thing in `value` that does not fit; None when all does. Loading has checked the schema itself."""
    if schema is None:
        return None
    try:
        found = next(_compiled(json.dumps(schema, sort_keys=True)).iter_errors(value), None)
    except SchemaUnusable as error:  # One that an older version published.
        return f"the whole: it cannot be checked ({error!s:.100})"
    if found is None:
        return None
    place = "/".join(map(str, found.instance_path)) or "the whole"
    return f"{place}: {found.message[:PROBLEM_CHARACTERS_MAX]}"


@lru_cache(maxsize=256)
def _compiled(schema: str) -> BoundedSchema:
    """The model is told its own values: it is to repair them."""
    return bounded_schema(json.loads(schema), mask=None)
