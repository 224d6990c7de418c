"""Which telephone regions may a setting name?"""

import pytest

from pii import redact, regions_from


def test_regions_are_read_as_people_write_them() -> None:
    assert regions_from("us, DE ,,fr,US") == ("US", "DE", "FR")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 regions: name 1 to 8"),
        ("US,DE,FR,IN,GB,ES,IT,PT,PL", "9 regions: name 1 to 8"),
        ("US,UK", "'UK' is no region: .* two letters, as US,DE"),
        ("Germany", "'GERMANY' is no region"),
    ],
)
def test_what_is_no_region_is_refused_with_what_may_be_written(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        regions_from(text)


def test_national_numbers_are_redacted_in_the_regions_that_are_asked_for() -> None:
    assert redact("ring 1, then 030 901820") == "ring 1, then 030 901820"
    assert redact("ring 1, then 030 901820", regions=("DE",)) == "ring 1, then [REDACTED_PHONE]"
