"""In which countries are telephone numbers without a country looked for, as a setting says it?"""

import phonenumbers

REGIONS_MAX = 8
"""Each costs one more look at every row of digits that may be a number."""


def regions_from(text: str) -> tuple[str, ...]:
    """`US, DE` as (`US`, `DE`). Raises ValueError with what is wrong, and what may be written."""
    regions = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    if not 1 <= len(regions) <= REGIONS_MAX:
        raise ValueError(f"{len(regions)} regions: name 1 to {REGIONS_MAX}, such as US,DE")
    if unknown := [region for region in regions if region not in phonenumbers.SUPPORTED_REGIONS]:
        raise ValueError(
            f"{unknown[0][:20]!r} is no region: write countries as ISO 3166 does with two letters, as US,DE"
        )
    return regions


def checked_regions(text: str) -> str:
    """The same, as it is kept in settings."""
    return ",".join(regions_from(text))
