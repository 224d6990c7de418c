"""Which documents are in a folder, and have they changed?"""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tool_runner.domain.passages import Document

SUFFIXES = (".md", ".markdown", ".txt")
_FORMAT = b"1"
"""Changes with the way of cutting and ranking: what was cached of answers is of another version then."""


class KnowledgeUnusable(Exception):
    """The folder cannot be searched; the text names file, value, limit and what to do."""


@dataclass(frozen=True, slots=True)
class FolderLimits:
    """More than this is refused as a whole: half of the documents would answer wrongly."""

    documents_max: int = 2_000
    document_bytes_max: int = 1_000_000
    bytes_max: int = 16_000_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """What shows that a file has changed without reading it."""

    path: str
    inode: int
    size: int
    modified_ns: int


def stamps_of(folder: Path, limits: FolderLimits) -> tuple[Stamp, ...]:
    """Of every document, in order of path; names that begin with a dot are left out. Raises KnowledgeUnusable."""
    found, size = list[Stamp](), 0
    for path in _files(folder):
        try:
            state = _inside(path, folder).stat()
        except OSError as error:
            raise KnowledgeUnusable(f"{path}: {error.strerror or error}") from error
        found.append(Stamp(path.relative_to(folder).as_posix(), state.st_ino, state.st_size, state.st_mtime_ns))
        size += state.st_size
        if len(found) > limits.documents_max:
            raise KnowledgeUnusable(
                f"{folder}: over the limit of {limits.documents_max} documents; use several folders"
            )
        if size > limits.bytes_max:
            raise KnowledgeUnusable(f"{folder}: over the limit of {limits.bytes_max} bytes; use several folders")
    if not found:
        raise KnowledgeUnusable(f"{folder}: no document in it; put files ending in {', '.join(SUFFIXES)} there")
    return tuple(sorted(found, key=lambda one: one.path))


def documents_of(folder: Path, stamps: Sequence[Stamp], limits: FolderLimits) -> list[Document]:
    """The documents themselves. Raises KnowledgeUnusable."""
    return [Document(stamp.path, _text_of(folder, stamp.path, limits)) for stamp in stamps]


def version_of(documents: Sequence[Document]) -> str:
    """The same for the same names and contents, on every machine: 16 hexadecimal digits."""
    digest = hashlib.sha256(_FORMAT)
    for document in documents:
        for part in (document.path, document.text):
            encoded = part.encode("utf-8", "surrogateescape")
            digest.update(len(encoded).to_bytes(8) + encoded)
    return digest.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise KnowledgeUnusable(f"{error.filename}: {error.strerror}; name a folder that can be read") from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if _is_document(name))


def _is_document(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _inside(path: Path, folder: Path) -> Path:
    """The file itself. A link within the folder is how Kubernetes mounts files; one that leads out could show any file
    of the machine."""
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise KnowledgeUnusable(f"{path}: a link that leads nowhere; remove it") from error
    if not found.is_relative_to(folder.resolve()):
        raise KnowledgeUnusable(f"{path}: a link out of the folder; copy the file")
    return found


def _text_of(folder: Path, name: str, limits: FolderLimits) -> str:
    path = folder / name
    content = _content_of(_inside(path, folder), limits.document_bytes_max)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KnowledgeUnusable(f"{path}: byte {error.start} is not UTF-8; convert the file") from error
    if "\0" in text:
        raise KnowledgeUnusable(f"{path}: has zero bytes, so it is no text; remove it")
    return text


def _content_of(path: Path, bytes_max: int) -> bytes:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(opened, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise KnowledgeUnusable(f"{path}: not a file; remove it")
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise KnowledgeUnusable(f"{path}: {error.strerror}") from error
    if len(content) > bytes_max:
        raise KnowledgeUnusable(f"{path}: over the limit of {bytes_max} bytes a document; cut it into several")
    return content
