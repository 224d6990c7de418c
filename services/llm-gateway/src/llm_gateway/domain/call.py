"""What is asked of the gateway, whichever door it came through: a command of the bus, or a request over HTTP?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from contracts.completions import CachePolicy, Cap
from contracts.costs import RequestRecord
from cost_ledger.applied_caps import Payer
from cost_ledger.over_budget import OverBudget
from llm_gateway.domain.answer import Answer
from llm_gateway.domain.chat_body import Body
from llm_gateway.domain.check_answer import Checked, Expected
from llm_gateway.domain.failure import Failure
from llm_gateway.domain.tool_names import OfferedTools

Source = Literal["bus", "http"]
NO_TOOLS = OfferedTools({})


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `body` is OpenAI's wire shape without `model`, `max_tokens` and `stream`; `partition` is the
    conversation within which equal personal values get equal placeholders; `must_say_something` refuses an empty text.
    """

    request_id: str
    source: Source
    tenant: str
    profile: str
    body: Body
    partition: str
    timeout_seconds: float
    key: str = ""
    entity: str | None = None
    workflow: str | None = None
    execution_id: str | None = None
    node: str | None = None
    output_tokens_max: int | None = None
    output_schema: Mapping[str, JsonValue] | None = None
    offered: OfferedTools = field(default=NO_TOOLS)
    caps: tuple[Cap, ...] = ()
    cache: CachePolicy | None = None
    must_say_something: bool = False

    @property
    def payer(self) -> Payer:
        """On whose account it is made."""
        execution = self.execution_id or self.key or self.request_id
        return Payer(self.tenant, execution, self.entity, self.workflow, self.caps)

    @property
    def expected(self) -> Expected:
        """What its answer is held against."""
        return Expected(self.offered, self.output_schema, self.must_say_something)


@dataclass(frozen=True, slots=True)
class Completed:
    """`answer` as the caller may see it: placeholders are values again."""

    answer: Answer
    checked: Checked
    record: RequestRecord
    fallbacks: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotCompleted:
    failure: Failure
    record: RequestRecord
    retry_after_seconds: float | None = None
    fallbacks: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    over_budget: OverBudget | None = None
