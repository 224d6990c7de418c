"""Which parts of a text are addresses of mail, machines and bank accounts?"""

import re

from pii.checks import iban_in, is_ip
from pii.findings import Found, Kind

_LOCAL_BACKWARDS = re.compile(r"[\w.%+'-]{1,64}")
_DOMAIN = re.compile(r"@(?:[\w-]{1,63}\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}|[^\W\d_]{2,24})(?![^\W_])")
_IBAN = re.compile(r"\d\d(?<=[A-Za-z]{2}\d\d)(?<![A-Za-z0-9][A-Za-z]{2}\d\d)(?:[ -]?[A-Za-z0-9]){11,30}")
_IPV4 = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-]|\.\d)")
_IPV6_SIGN = re.compile(r":[0-9A-Fa-f]{0,4}:")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]|\.\d)")
_VERSION_WORD = re.compile(
    r"(?:\bv|version|release|build|firmware|macos|ios|android|driver|upgraded? to|section|clause|chapter|article"
    r"|paragraph|step|chrome/|safari/|edg/|firefox/|opera/|opr/|version/|kit/)[ :.]*\Z",
    re.I,
)
_CONTEXT_CHARACTERS = 24


def find_emails(text: str, found: Found) -> None:
    """From each `@` backwards and forwards: a pattern that begins with the name would begin at every letter."""
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at)
        local = _LOCAL_BACKWARDS.match(text[max(at - 64, 0) : at][::-1])
        if domain and local and (name := local[0][::-1].lstrip(".'-%+")):
            found.take(at - len(name), domain.end(), Kind.EMAIL)
        at = text.find("@", domain.end() if domain else at + 1)


def find_ibans(text: str, found: Found) -> None:
    """Two letters, two digits, and a checksum that is right for the length of the country."""
    at = 0
    while match := _IBAN.search(text, at):
        at = match.start() + 1
        start = match.start() - 2
        length = iban_in(text[start : match.end()].replace(" ", "").replace("-", ""))
        if not length:
            continue
        end = start
        for _ in range(length):
            end += 1 + (text[end] in " -")
        if not text[end : end + 1].isalnum():
            found.take(start, end, Kind.IBAN)
            at = end


def find_ips(text: str, found: Found) -> None:
    """Version 6, which may hold one of version 4; version 4 unless the words before speak of a version."""
    if _IPV6_SIGN.search(text):
        for match in _IPV6.finditer(text):
            if len(match[0]) > 2 and is_ip(match[0]):
                found.take(match.start(), match.end(), Kind.IP)
    for match in _IPV4.finditer(text):
        start = match.start()
        before = text[max(start - _CONTEXT_CHARACTERS, 0) : start]
        if before[-1:].isalnum() or before[-1:] in ("_", "-", ".") or _VERSION_WORD.search(before):
            continue
        if is_ip(match[0]):
            found.take(start, match.end(), Kind.IP)
