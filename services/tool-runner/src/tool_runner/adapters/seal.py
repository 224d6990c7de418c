"""How is what the tool runner keeps made unreadable for whoever reads Redis?"""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_CHARACTERS_MIN = 16
_NONCE_BYTES = 12
_LEDGER = b"hil tool-runner call ledger 1"


class SecretUnusable(Exception):
    """No ledger can be kept with this secret."""


class Unreadable(Exception):
    """Sealed with another secret, for another entry, or not sealed at all."""


def key_for(secret: str, purpose: bytes) -> bytes:
    """256 bits. Raises SecretUnusable."""
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise SecretUnusable(
            f"TOOL_RUNNER_LEDGER_SECRET has {len(secret)} characters: give at least {SECRET_CHARACTERS_MIN}, "
            "the same in every replica and after every restart"
        )
    return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())


class Seal:
    """AES-256-GCM. The entry goes in as associated data: what was sealed for one call opens for no other."""

    def __init__(self, secret: str, purpose: bytes = _LEDGER) -> None:
        """Each purpose has a key of its own. Raises SecretUnusable."""
        self._cipher = AESGCM(key_for(secret, purpose))

    def close(self, text: bytes, entry: str) -> str:
        """The text as it may be stored in this entry."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text, entry.encode())).decode()

    def open(self, sealed: str, entry: str) -> bytes:
        """The text again. Raises Unreadable."""
        try:
            stored = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], entry.encode())
        except (InvalidTag, binascii.Error, ValueError):
            raise Unreadable from None
