"""Which master keys seal the vault, newest first?"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEY_BYTES_MIN = 32
KEYS_MAX = 16
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_BYTES_MAX = 64 * 1024
_HOW = "give id:base64, separated by commas or lines, newest first; `openssl rand -base64 32` makes one"


class VaultKeysUnusable(Exception):
    """No vault can be kept with these keys; the text names the key by its place or id, never by its value."""


@dataclass(frozen=True, slots=True)
class VaultKeys:
    """Master keys by id, in the order given: the first seals, all open."""

    by_id: Mapping[str, bytes] = field(repr=False)

    @property
    def newest(self) -> str:
        return next(iter(self.by_id))

    @property
    def older(self) -> tuple[str, ...]:
        return tuple(self.by_id)[1:]


def read_keys(text: str, file: Path | None) -> VaultKeys:
    """The keys of `TOOL_RUNNER_VAULT_KEYS`, or of the file. Raises VaultKeysUnusable."""
    where = "TOOL_RUNNER_VAULT_KEYS"
    if file is not None:
        if text:
            raise VaultKeysUnusable("give TOOL_RUNNER_VAULT_KEYS or TOOL_RUNNER_VAULT_KEYS_FILE, not both")
        where, text = str(file), _content(file)
    entries = [entry.strip() for entry in re.split(r"[,\n]", text) if entry.strip()]
    if not 1 <= len(entries) <= KEYS_MAX:
        raise VaultKeysUnusable(f"{where}: {len(entries)} keys, must be 1 to {KEYS_MAX}: {_HOW}")
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(entries, start=1):
        key_id, key = _entry(entry, f"{where}: key {position}")
        if key_id in keys:
            raise VaultKeysUnusable(f"{where}: key {position}: the id {key_id} is there twice")
        keys[key_id] = key
    return VaultKeys(keys)


def _entry(entry: str, where: str) -> tuple[str, bytes]:
    key_id, _, encoded = entry.partition(":")
    if not encoded or not _ID.match(key_id):
        raise VaultKeysUnusable(f"{where}: the id must match {_ID.pattern.removesuffix(chr(92) + 'Z')}: {_HOW}")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise VaultKeysUnusable(f"{where} ({key_id}) is not base64: {_HOW}") from None
    if len(key) < KEY_BYTES_MIN:
        raise VaultKeysUnusable(f"{where} ({key_id}) has {len(key)} bytes, must be at least {KEY_BYTES_MIN}: {_HOW}")
    return key_id, key


def _content(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_BYTES_MAX + 1)
    except OSError as error:
        raise VaultKeysUnusable(f"{file}: {error.strerror}") from error
    if len(content) > _BYTES_MAX:
        raise VaultKeysUnusable(f"{file}: over the limit of {_BYTES_MAX} bytes")
    return content.decode("ascii", "replace")
