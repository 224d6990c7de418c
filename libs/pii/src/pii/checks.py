"""Is a string of the right shape really a card, an IBAN, a social security number, an address of a machine?"""

import ipaddress
import re

# ISO 13616 registry: how long the IBANs of a country are.
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip
# Issuer prefixes and lengths (ISO/IEC 7812): without them one order number of sixteen digits in ten would be a card.
_CARD = re.compile(
    r"(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17})\Z"
)


def is_card(digits: str) -> bool:
    """A number of a known issuer with a right check digit (Luhn)."""
    if not _CARD.match(digits):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * 2 if place % 2 else int(digit)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def iban_in(compact: str) -> int:
    """How many characters at the start are a valid IBAN (length of its country, modulo 97); 0 if none are."""
    length = _IBAN_LENGTHS.get(compact[:2].upper(), 0)
    if not length or len(compact) < length:
        return 0
    candidate = compact[:length].upper()
    number = "".join(str(int(character, 36)) for character in candidate[4:] + candidate[:4])
    return length if int(number) % 97 == 1 else 0


def is_ssn(area: str, group: str, serial: str) -> bool:
    """The numbers that the Social Security Administration gives out."""
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_ip(text: str) -> bool:
    """An IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
