"""How many characters did a person change?"""

from rapidfuzz.distance import Levenshtein

CHARACTERS_MAX = 20_000
"""Of each text; what is behind counts by length alone. Two of this length take about 0.1 s at the worst."""


def edit_distance(before: str, after: str) -> int:
    """Characters inserted, deleted and replaced (Levenshtein)."""
    tail = abs(max(len(before) - CHARACTERS_MAX, 0) - max(len(after) - CHARACTERS_MAX, 0))
    return Levenshtein.distance(before[:CHARACTERS_MAX], after[:CHARACTERS_MAX]) + tail
