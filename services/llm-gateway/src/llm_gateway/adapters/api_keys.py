"""Who may use the HTTP API, and for what?"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

log = structlog.get_logger()
Scope = Literal["chat", "embeddings", "models", "admin"]
ALL_TENANTS = "*"
_LOOK_EVERY_SECONDS = 1.0
_FILE_BYTES_MAX = 1_000_000


class KeyEntry(BaseModel):
    """One key, known by its hash only. `entity` and `workflow`: whoever uses it acts for these alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tenant: str = Field(pattern=r"^(\*|[A-Za-z0-9_-]{1,64})$", description="`*`: all tenants, for administration only.")
    scopes: frozenset[Scope]
    entity: str | None = None
    workflow: str | None = None


class KeysDocument(BaseModel):
    """The file of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    keys: tuple[KeyEntry, ...] = ()


class KeysFileError(Exception):
    """The file cannot be used; the text names file and field."""


@dataclass(slots=True)
class ApiKeys:
    """The keys of a file, read again when it changes. A file that cannot be read lets nobody in."""

    path: Path | None
    _keys: Mapping[str, KeyEntry] = field(default_factory=dict)
    _seen: tuple[int, int] | None = None
    _looked: float = float("-inf")

    @property
    def configured(self) -> bool:
        return self.path is not None

    def caller(self, authorization: str) -> KeyEntry | None:
        """Whose key a header `Bearer …` holds. Only hashes are compared, so that time tells nothing of a key."""
        self._look()
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            return None
        return self._keys.get(hashlib.sha256(key.strip().encode()).hexdigest())

    def _look(self) -> None:
        if self.path is None or time.monotonic() - self._looked < _LOOK_EVERY_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                self._keys = {entry.sha256: entry for entry in load_keys(self.path).keys}
                self._seen = seen
        except (OSError, KeysFileError) as error:
            self._keys, self._seen = {}, None
            log.error("api_keys.unusable", error=str(error)[:300])


def load_keys(path: Path) -> KeysDocument:
    """Read the file; raises KeysFileError."""
    try:
        text = path.read_text("utf-8")
        if len(text) > _FILE_BYTES_MAX:
            raise KeysFileError(f"{path}: {len(text)} characters are over the limit of {_FILE_BYTES_MAX}")
        return KeysDocument.model_validate(yaml.safe_load(text) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KeysFileError(f"{path}: cannot be read: {type(error).__name__}") from error
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)]
        raise KeysFileError("; ".join(lines)) from error
