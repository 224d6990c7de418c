"""May a code or a token go to this address?"""

import re
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def checked_address(text: str) -> str:
    """https, or http on this machine. Raises ValueError with what is wrong, without the address: it may hold a
    password."""
    parts = urlsplit(text)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must be https; http is for this machine alone")
    if parts.scheme not in ("http", "https") or not parts.hostname or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError("must be an https address such as https://example.com/oauth/token")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("must have no user, password or fragment")
    return text


def checked_public_url(text: str) -> str:
    """Where browsers come back to with codes. Raises ValueError."""
    if "?" in checked_address(text):
        raise ValueError("must have no query: paths are put behind it")
    return text
