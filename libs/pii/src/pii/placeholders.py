"""Where in a JSON value do placeholders stand, and what is it with their values put back?"""

import re
from collections import Counter
from collections.abc import Mapping

from pydantic import JsonValue

PLACEHOLDER = re.compile(r"\[[A-Z]{2,8}_[A-Z2-7]{6,52}\]")


def placeholders_in(value: JsonValue) -> Counter[str]:
    """All that look like one, in texts and names of fields, and how often each stands there."""
    found, waiting = Counter[str](), [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.update(PLACEHOLDER.findall(one))
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
    return found


def put_back(value: JsonValue, values: Mapping[str, str]) -> JsonValue:
    """The value with what stands behind its placeholders; those that are not among `values` stay. One pass: a value
    that looks like a placeholder is not looked at again."""
    if isinstance(value, str):
        return put_back_in_text(value, values)
    if isinstance(value, list):
        return [put_back(one, values) for one in value]
    if isinstance(value, dict):
        return {put_back_in_text(name, values): put_back(one, values) for name, one in value.items()}
    return value


def put_back_in_text(text: str, values: Mapping[str, str]) -> str:
    """The same for one text."""
    if not values or "[" not in text:
        return text
    return PLACEHOLDER.sub(lambda found: values.get(found[0], found[0]), text)
