"""How does a manifest file become servers, grants and rules?"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tool_runner.adapters.manifest_file.document import ApprovalEntry, GrantEntry, ManifestDocument
from tool_runner.adapters.manifest_file.mistakes import mistakes_of
from tool_runner.adapters.manifest_file.rules_of import grant_of, server_rules
from tool_runner.adapters.manifest_file.server_entry import LimitsEntry, ServerEntry
from tool_runner.adapters.manifest_file.source_of import Surroundings, Unusable, source_of
from tool_runner.adapters.manifest_file.tool_entry import QuotaEntry, ToolEntry
from tool_runner.adapters.manifest_file.yaml_lines import Lines, ManifestError, hint, read_lines
from tool_runner.adapters.mcp_client import ServerLimits
from tool_runner.adapters.mcp_process import Launch
from tool_runner.adapters.tool_sources import OpenApi, RemoteMcp, Source
from tool_runner.adapters.vault.app_file import AppEntry, AppUnusable
from tool_runner.domain.accounts import App
from tool_runner.domain.breaker import BreakerPolicy
from tool_runner.domain.grants import Grant
from tool_runner.domain.manifest import ServerRules

MISTAKES_MAX = 20
REMOTE_CONCURRENCY = 16
"""Where nothing is said: a server at an address answers more than one call at a time."""
_PARTS = (ManifestDocument, ApprovalEntry, GrantEntry, AppEntry, ServerEntry, LimitsEntry, QuotaEntry, ToolEntry)


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """One server: its rules, its bounds, and where its tools come from."""

    rules: ServerRules
    limits: ServerLimits
    source: Source
    quarantine: bool = False
    """Its tools may change without anybody here having changed anything."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is configured. `version` is a hash of the file."""

    servers: tuple[ConfiguredServer, ...] = ()
    grants: tuple[Grant, ...] = ()
    apps: Mapping[str, App] = field(default_factory=dict)
    version: str = ""


def load_manifest(path: Path | None, *, search_path: str, environment: Mapping[str, str] | None = None) -> Manifest:
    """Nothing is configured without a file. `search_path` becomes the PATH of commands, `environment` holds what
    `headers_from_env` and `client_secret_env` name. Raises ManifestError with every mistake."""
    if path is None:
        return Manifest()
    lines = read_lines(path)
    try:
        document = ManifestDocument.model_validate(lines.values)
    except ValidationError as error:
        raise _refused([_mistake(lines, found) for found in error.errors(include_url=False)]) from error
    if found := mistakes_of(document):
        raise _refused([lines.complaint(place, text) for place, text in found])
    around = Surroundings(path.parent, search_path, environment or {})
    apps, problems = _apps(document, lines, around)
    servers = []
    for index, entry in enumerate(document.servers):
        try:
            servers.append(_configured(entry, document, around))
        except Unusable as error:
            problems.append(lines.complaint(("servers", index, *error.place), error.text))
    if problems:
        raise _refused(problems)
    version = hashlib.sha256(lines.text.encode()).hexdigest()[:16]
    return Manifest(tuple(servers), tuple(map(grant_of, document.grants)), apps, version)


def _apps(document: ManifestDocument, lines: Lines, around: Surroundings) -> tuple[dict[str, App], list[str]]:
    """The apps, and what is wrong with the others."""
    apps, problems = {}, []
    for name, entry in document.apps.items():
        try:
            apps[name] = entry.app(name, around.environment)
        except AppUnusable as error:
            problems.append(f"{lines.path}:{lines.line_of(('apps', name))}: {error}")
    return apps, problems


def _configured(entry: ServerEntry, document: ManifestDocument, around: Surroundings) -> ConfiguredServer:
    source = source_of(entry, around)
    stranger = entry.quarantine and isinstance(source, Launch | RemoteMcp | OpenApi)
    return ConfiguredServer(server_rules(entry, document), _limits(entry), source, stranger)


def _refused(complaints: list[str]) -> ManifestError:
    more = len(complaints) - MISTAKES_MAX
    return ManifestError("\n".join(complaints[:MISTAKES_MAX] + ([f"and {more} more"] if more > 0 else [])))


def _limits(entry: ServerEntry) -> ServerLimits:
    limits = entry.limits
    said = "concurrency" in limits.model_fields_set
    concurrency = REMOTE_CONCURRENCY if entry.is_remote and not said else limits.concurrency
    breaker = BreakerPolicy(limits.breaker_failures_max, limits.breaker_open_seconds)
    return ServerLimits(concurrency, limits.start_seconds_max, limits.result_bytes_max, breaker)


def _mistake(lines: Lines, found: Any) -> str:
    """One of pydantic's findings in our words. A value is repeated, except where it may be a secret."""
    place = tuple(part for part in found["loc"] if part != "[key]")
    match found["type"]:
        case "extra_forbidden":
            known = {name for part in _PARTS for name in part.model_fields}
            text = f"unknown field{hint(str(place[-1]), known)}"
        case "missing":
            text = "is missing; add it"
        case _ if "env" in place or "headers" in place or place[:1] == ("apps",):
            text = found["msg"]
        case _:
            text = f"{found['msg']} (got {str(found['input'])[:80]!r})"
    return lines.complaint(place, text)
