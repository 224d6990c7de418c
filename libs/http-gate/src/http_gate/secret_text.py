"""How does a secret that is shown once look, and under which name is it kept?"""

import hashlib
import hmac

PREFIX = "hil_"
SECRET_BYTES = 32
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS = 43  # 62 ** 43 > 2 ** 256


def token_text(secret: bytes) -> str:
    """The token that is shown once: base62, with a beginning by which people and scanners know it."""
    number, text = int.from_bytes(secret, "big"), ""
    while number:
        number, digit = divmod(number, 62)
        text = _ALPHABET[digit] + text
    return PREFIX + text.rjust(_CHARACTERS, "0")


def hash_of(text: str) -> str:
    """Under which a token, session or code is stored. 256 random bits need no slow hash: nobody guesses them."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def looks_like_token(text: str) -> bool:
    """Anything else is not worth a look into the store."""
    return text.startswith(PREFIX) and len(text) == len(PREFIX) + _CHARACTERS and text.isascii()


def same(one: str, other: str) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
