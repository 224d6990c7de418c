"""How are keys of the gateway's HTTP API made? A file holds their hashes; a key itself is seen once."""

import hashlib
import os
import secrets
from pathlib import Path

import yaml

from llm_gateway.adapters.api_keys import KeyEntry, KeysDocument, load_keys

KEYS_MAX = 10_000


def new_key() -> str:
    """256 random bits, with a beginning by which people and scanners know it."""
    return f"hil_{secrets.token_urlsafe(32)}"


def add_key(file: Path, entry: KeyEntry) -> None:
    """Add an entry to the file, which is made if it is not there. Raises KeysFileError, ValueError for a name that is
    taken."""
    known = load_keys(file).keys if file.exists() else ()
    if any(one.name == entry.name for one in known):
        raise ValueError(f"name {entry.name!r} is taken; choose another")
    if len(known) >= KEYS_MAX:
        raise ValueError(f"the file holds {len(known)} keys, the most allowed")
    _write(file, KeysDocument(keys=(*known, entry)))


def entry_for(key: str, *, name: str, tenant: str, scopes: frozenset[str]) -> KeyEntry:
    """What the file keeps of a key. Raises ValueError."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return KeyEntry.model_validate({"name": name, "sha256": digest, "tenant": tenant, "scopes": scopes})


def keep_secret(file: Path, secret: str) -> str:
    """The secret in the file; if there is none yet, this one is put there, for its owner's eyes only."""
    kept = file.read_text("utf-8").strip() if file.exists() else ""
    if kept:
        return kept
    put_secret(file, f"{secret}\n")
    return secret


def keep_key(file: Path, entry: KeyEntry) -> None:
    """Let the file hold this entry, instead of one of the same name. Raises KeysFileError."""
    known = load_keys(file).keys if file.exists() else ()
    if any(one.sha256 == entry.sha256 for one in known):
        return
    _write(file, KeysDocument(keys=(*(one for one in known if one.name != entry.name), entry)))


def _write(file: Path, document: KeysDocument) -> None:
    entries = [
        {**entry.model_dump(mode="json", exclude_none=True), "scopes": sorted(entry.scopes)} for entry in document.keys
    ]
    put_secret(file, yaml.safe_dump({"keys": entries}, sort_keys=False))


def put_secret(file: Path, text: str) -> None:
    """The whole file at once, for its owner's eyes only: whoever reads it, and whatever crashes meanwhile, sees the old
    or the new one."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # Else the new name could be lost with the power.
    finally:
        os.close(folder)
