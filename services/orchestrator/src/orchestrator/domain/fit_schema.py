"""Does a value fit the JSON Schema that a workflow declares?"""

import json
from collections.abc import Mapping
from functools import lru_cache

import jsonschema_rs

from orchestrator.domain.workflow import JsonValue

PROBLEM_CHARACTERS_MAX = 300


def misfit(value: JsonValue, schema: Mapping[str, JsonValue] | None) -> str | None:
    """The first thing in `value` that does not fit; None when all does. Loading has checked the schema itself."""
    if schema is None:
        return None
    try:
        found = next(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value), None)
    except ValueError as error:  # Such as half a surrogate pair, which JSON can write.
        return f"the whole: it cannot be checked ({error!s:.100})"
    if found is None:
        return None
    place = "/".join(map(str, found.instance_path)) or "the whole"
    return f"{place}: {found.message[:PROBLEM_CHARACTERS_MAX]}"


@lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(schema), offline=True)
