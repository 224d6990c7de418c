"""What do the headers of a request say of it?"""

import re
from collections.abc import Mapping

from pydantic import JsonValue

from contracts.completions import CachePolicy
from llm_gateway.api.errors import BadRequest, shown

TIMEOUT_SECONDS_DEFAULT, TIMEOUT_SECONDS_MAX = 120.0, 600.0
_ID = re.compile(r"[\x21-\x7e]{1,128}\Z")


def header_of(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    """An id or name; None where it is not there. Raises BadRequest."""
    value = headers.get(name)
    if value is None:
        return None
    text = value.decode("latin-1")
    if not _ID.match(text):
        raise BadRequest(name.decode(), "must be 1 to 128 visible ASCII characters")
    return text


def timeout_seconds_of(headers: Mapping[bytes, bytes]) -> float:
    """How long the caller waits. Raises BadRequest."""
    value = headers.get(b"x-hil-timeout-ms")
    if value is None:
        return TIMEOUT_SECONDS_DEFAULT
    return _whole(value, "x-hil-timeout-ms", 1, int(TIMEOUT_SECONDS_MAX * 1000)) / 1000


def cache_policy_of(headers: Mapping[bytes, bytes]) -> CachePolicy | None:
    """`x-hil-cache: exact|semantic[; ttl=SECONDS]`. Raises BadRequest."""
    value = headers.get(b"x-hil-cache", b"off").decode("latin-1")
    tier, _, rest = (part.strip() for part in value.partition(";"))
    if tier == "off":
        return None
    if tier not in ("exact", "semantic"):
        raise BadRequest("x-hil-cache", f"is {shown(tier)}; use off, exact or semantic, as in `exact; ttl=600`")
    fields: dict[str, JsonValue] = {
        "tier": tier,
        "knowledge_version": header_of(headers, b"x-hil-knowledge-version") or "",
        "locale": header_of(headers, b"x-hil-locale") or "",
    }
    if rest:
        name, _, number = rest.partition("=")
        if name.strip() != "ttl":
            raise BadRequest("x-hil-cache", f"has the unknown option {shown(name)}; only ttl is known")
        fields["ttl_seconds"] = _whole(number.encode("latin-1"), "x-hil-cache ttl", 1, 30 * 24 * 3600)
    return CachePolicy.model_validate(fields)


def _whole(value: bytes, name: str, least: int, most: int) -> int:
    try:
        number = int(value.strip())
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise BadRequest(name, f"is {shown(value.decode('latin-1'))}; must be a whole number from {least} to {most}")
    return number
