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


@pytest.mark.parametrize(
    "text",
    [
        "Tel.: 030/901820",
        "030-901820",
        "(030) 901820",
        "Handy: 0171-1234567",
        "0171/1234567",
        "06 12 34 56 78",
        "Tél : 06.12.34.56.78",
        "06-12-34-56-78",
        "98765 43210",
        "call me: 98765-43210",
        "09876 543210",
        "020 7946 0958",
        "020-7946-0958",
    ],
)
def test_numbers_as_they_are_written_at_home_are_found(text: str) -> None:
    assert redact(text, regions=("US", "DE", "FR", "IN", "GB")) != text


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-12",
        "2024-05-12 10:15",
        "12.05.2024",
        "10-20-30",
        "29.95",
        "SKU 4155-552-671",
        "2019-2023",
        "10.000.000",
        "AB-1234-5678",
    ],
)
def test_dates_and_amounts_are_no_numbers_of_any_region(text: str) -> None:
    assert redact(text, regions=("US", "DE", "FR", "IN", "GB")) == text
