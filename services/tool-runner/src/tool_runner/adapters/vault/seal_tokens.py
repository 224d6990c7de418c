"""How are an account's tokens sealed, so that nothing but this account's own key opens them?"""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tool_runner.adapters.vault.vault_keys import VaultKeys
from tool_runner.domain.accounts import Account

_NONCE_BYTES = 12
_KEY_BYTES = 32
_WRAPPING = "hil tool-runner vault 1: wrapped key"
_SEALING = "hil tool-runner vault 1: tokens"


class Unsealable(Exception):
    """Sealed for another account, changed since, or not sealed at all."""


class KeyMissing(Exception):
    """The master key under which it was sealed is not among the keys of this process."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Text under a data key of its own (`sealed`), and that key under the account's key (`wrapped`)."""

    key_id: str
    wrapped: str
    sealed: str


@dataclass(frozen=True, slots=True)
class TokenSeal:
    """Envelope encryption with AES-256-GCM. Master key, tenant, entity and app together give the key that wraps (HKDF);
    the same names are the associated data of both layers."""

    keys: VaultKeys

    def close(self, account: Account, text: bytes) -> Sealed:
        """Sealed under the newest master key."""
        data_key = os.urandom(_KEY_BYTES)
        newest = self.keys.newest
        sealed = _encrypted(data_key, text, _bound(_SEALING, account))
        return Sealed(newest, self._wrapped(account, newest, data_key), sealed)

    def open(self, account: Account, sealed: Sealed) -> bytes:
        """The text again. Raises Unsealable, KeyMissing."""
        return _decrypted(self._unwrapped(account, sealed), sealed.sealed, _bound(_SEALING, account))

    def wrapped_again(self, account: Account, sealed: Sealed) -> Sealed:
        """The same text under the newest master key; the text itself is not opened. Raises Unsealable, KeyMissing."""
        newest = self.keys.newest
        return Sealed(newest, self._wrapped(account, newest, self._unwrapped(account, sealed)), sealed.sealed)

    def _wrapped(self, account: Account, key_id: str, data_key: bytes) -> str:
        return _encrypted(self._account_key(account, key_id), data_key, _bound(_WRAPPING, account, key_id))

    def _unwrapped(self, account: Account, sealed: Sealed) -> bytes:
        key = self._account_key(account, sealed.key_id)
        return _decrypted(key, sealed.wrapped, _bound(_WRAPPING, account, sealed.key_id))

    def _account_key(self, account: Account, key_id: str) -> bytes:
        master = self.keys.by_id.get(key_id)
        if master is None:
            raise KeyMissing(f"sealed with the vault key {key_id[:40]!r}, which this process does not have")
        info = _bound(_WRAPPING, account)
        return HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(master)


def sealed_from(fields: Mapping[str, object]) -> Sealed:
    """What `fields_of` made."""
    return Sealed(str(fields["key_id"]), str(fields["wrapped"]), str(fields["sealed"]))


def fields_of(sealed: Sealed) -> dict[str, str]:
    """As it may be stored."""
    return {"key_id": sealed.key_id, "wrapped": sealed.wrapped, "sealed": sealed.sealed}


def _bound(purpose: str, account: Account, *more: str) -> bytes:
    """What a layer is bound to; the names cannot run into each other."""
    return json.dumps([purpose, account.place, *more], ensure_ascii=False).encode("utf-8", "surrogatepass")


def _encrypted(key: bytes, text: bytes, bound: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text, bound)).decode()


def _decrypted(key: bytes, stored: str, bound: bytes) -> bytes:
    try:
        raw = base64.b64decode(stored, validate=True)
        return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound)
    except (InvalidTag, binascii.Error, ValueError):
        raise Unsealable("this record does not open: it is another account's, or was changed") from None
