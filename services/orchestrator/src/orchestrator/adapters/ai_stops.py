"""In which workflows has somebody stopped the AI, now?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.catalogue import describe

log = structlog.get_logger()

REASON_CHARACTERS_MAX = 500


class AiStop(BaseModel):
    """One entry of the bucket: who stopped the AI in one queue, and for which workflows (`*`: all)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    by: str = Field(min_length=1, max_length=128)
    reason: str = Field("", max_length=REASON_CHARACTERS_MAX)
    at_ms: int = 0
    workflows: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = Field(min_length=1, max_length=1_000)

    @property
    def word(self) -> str:
        """Who, and why if it was said."""
        return f"{self.by}: {self.reason}" if self.reason else self.by


@dataclass(slots=True)
class AiStops:
    """Kept up to date by a watch of the bucket; a stop that is deleted is over."""

    _by_tenant: dict[str, dict[str, AiStop]] = field(default_factory=dict)

    def of(self, tenant: str) -> Mapping[str, str]:
        """Who stopped the AI, and why, by workflow name; of several queues that of the first by name."""
        queues = self._by_tenant.get(tenant)
        if not queues:
            return {}
        found: dict[str, str] = {}
        for _, stop in sorted(queues.items()):
            for workflow in stop.workflows:
                found.setdefault(workflow, stop.word)
        return found

    async def apply(self, key: str, value: bytes | None) -> None:
        """Take over one entry `<tenant>.<queue>` of the bucket; what cannot be read is told and changes nothing."""
        tenant, _, queue = key.partition(".")
        if value is None:
            self._by_tenant.get(tenant, {}).pop(queue, None)
            return
        try:
            stop = AiStop.model_validate_json(value)
        except ValidationError as error:
            log.error("ai_stop.unreadable", key=key, problem=describe(error))
            return
        self._by_tenant.setdefault(tenant, {})[queue] = stop
