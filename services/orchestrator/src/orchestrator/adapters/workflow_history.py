"""Which versions of a workflow were published for a tenant, and which of them were in force, in order?"""

from typing import Self

from pydantic import BaseModel, ConfigDict

VERSIONS_MAX = 1_000
DEFAULTS_MAX = 50
"""How many versions back a rollback can go, one step at a time."""


class HistoryRefused(Exception):
    """A publish or rollback that cannot be; the text names the workflow, the version and why."""


class PublishedVersion(BaseModel):
    """One immutable version."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: str
    content_hash: str


class WorkflowHistory(BaseModel):
    """The record of one workflow name. The last of `defaults` is the hash in force; before it, what a rollback
    returns to."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    versions: tuple[PublishedVersion, ...] = ()
    defaults: tuple[str, ...] = ()

    @property
    def in_force(self) -> str | None:
        return self.defaults[-1] if self.defaults else None

    def with_version(self, published: PublishedVersion) -> Self:
        """The same bytes again change nothing; other bytes need another version string."""
        for known in self.versions:
            if known == published:
                return self
            if known.version == published.version:
                raise HistoryRefused(
                    f"{self.name} {published.version} is published with other content "
                    f"({known.content_hash[:12]}): versions never change, raise `version`"
                )
        if len(self.versions) >= VERSIONS_MAX:
            raise HistoryRefused(f"{self.name} has {VERSIONS_MAX} versions, the most that one name may have")
        return self.model_copy(update={"versions": (*self.versions, published)})

    def with_default(self, content_hash: str) -> Self:
        """`content_hash` in force; it must be one of the versions."""
        if all(known.content_hash != content_hash for known in self.versions):
            raise HistoryRefused(f"{self.name} has no version with content hash {content_hash[:64]}")
        if content_hash == self.in_force:
            return self
        return self.model_copy(update={"defaults": (*self.defaults, content_hash)[-DEFAULTS_MAX:]})

    def rolled_back(self) -> Self:
        """What was in force before the present default is in force again; a second step goes one further back."""
        if len(self.defaults) < 2:
            raise HistoryRefused(f"{self.name} has no earlier version in force to go back to")
        return self.model_copy(update={"defaults": self.defaults[:-1]})

    def rolled_back_to(self, version: str) -> Self:
        """An older version in force, by its version string."""
        found = [known.content_hash for known in self.versions if known.version == version]
        if not found:
            raise HistoryRefused(f"{self.name} has no version {version}; there are {self._names()}")
        return self.with_default(found[0])

    def _names(self) -> str:
        return ", ".join(known.version for known in self.versions) or "none"
