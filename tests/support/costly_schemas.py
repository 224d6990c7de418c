"""Which schemas of a few lines make a validator work for ages?"""

from typing import Any


def doubled(word: str, times: int) -> dict[str, Any]:
    """Compares one value 2^times times."""
    steps = {f"d{step}": {word: [{"$ref": f"#/$defs/d{step + 1}"}] * 2} for step in range(times)}
    return {"$defs": {**steps, f"d{times}": {"type": "string"}}, "$ref": "#/$defs/d0"}
