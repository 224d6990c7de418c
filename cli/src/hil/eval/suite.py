"""What is in a suite: the cases, what each of them expects, and when a change of figures stops a release?"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from contracts.conversations import TEXT_CHARACTERS_MAX
from hil.eval.tolerance import GateRules
from orchestrator.domain.query import CHARACTERS_MAX, compile_query

CASES_MAX = 2_000
TURNS_MAX = 50
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Words = Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_*-]{1,128}$")]


def _query(text: str) -> str:
    compile_query(text)  # BadExpression is a ValueError, and says what is wrong.
    return text


Query = Annotated[str, Field(min_length=1, max_length=CHARACTERS_MAX), AfterValidator(_query)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExpectedCall(_Part):
    """An effect that the case expects: this tool, called this often with (at least) these arguments."""

    tool: ToolName
    arguments: dict[str, JsonValue] = Field({}, description="Those that matter; a call may have more.")
    times: int = Field(1, ge=0, le=100, description="0: never with these arguments.")


class Graded(_Part):
    """A question that a model answers with yes or no after reading what was said and done."""

    question: str = Field(min_length=1, max_length=2_000)
    profile: str = Field("balanced", min_length=1, max_length=64)
    votes: Literal[1, 3, 5] = Field(1, description="Answers that are asked for; the majority counts.")


class Case(_Part):
    """One customer or one input, and what must come of it."""

    id: Id
    text: Words | None = Field(None, description="What the customer writes.")
    turns: list[Words] = Field(
        [], max_length=TURNS_MAX, description="A recorded conversation: the customer's messages."
    )
    input: dict[str, JsonValue] | None = Field(None, description="Standalone mode: the input of one execution.")
    expected_sink: Literal["FINISH", "HANDOVER"]
    expected_reason: str | None = Field(None, max_length=64, description="Reason code of the handover.")
    tool_calls: list[ExpectedCall] = Field([], max_length=100)
    other_tool_calls: Literal["allowed", "forbidden"] = Field(
        "allowed", description="Calls that no entry of tool_calls expects."
    )
    checks: list[Query] = Field([], max_length=50, description="JMESPath that must be true of the result.")
    grade: list[Graded] = Field([], max_length=10)

    @model_validator(mode="after")
    def _begins_in_one_way(self) -> Self:
        if (self.text is not None) + bool(self.turns) + (self.input is not None) != 1:
            raise ValueError("give exactly one of text, turns and input")
        return self

    @property
    def said(self) -> list[str]:
        """The customer's messages, in order; none in standalone mode."""
        return self.turns if self.text is None else [self.text]


class Tasks(_Part):
    """Cases out of the domain: its τ²-bench tasks, with database, calls, sink and reply checked as in `hil demo`."""

    split: str = Field("train", min_length=1, max_length=64, description="train, test or all.")
    ids: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        [], max_length=CASES_MAX, description="Only these."
    )


class Replay(_Part):
    """How the replay model answers, where no provider is configured."""

    script: str | None = Field(None, max_length=500, description="A JSON file of rules beside the suite.")
    instruction: str | None = Field(
        None, max_length=2_000, description="Words of the prompt without which a task's customer is told nothing."
    )


class Suite(_Part):
    """One YAML file."""

    workflow: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$", description="Name of the workflow and of its file.")
    description: str = Field("", max_length=2_000)
    domain: str | None = Field(
        None,
        max_length=500,
        description="Tool server, policy and tasks: a shipped domain such as retail, or a .yaml file beside.",
    )
    tasks: Tasks | None = None
    replay: Replay = Replay()
    cases: list[Case] = Field([], max_length=CASES_MAX)
    gate: GateRules = GateRules()

    @model_validator(mode="after")
    def _has_cases(self) -> Self:
        if self.tasks is not None and self.domain is None:
            raise ValueError("tasks need a domain")
        if not self.cases and self.tasks is None:
            raise ValueError("give cases, or tasks of a domain")
        ids = [case.id for case in self.cases]
        if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            raise ValueError(f"case ids {', '.join(twice[:5])} are there twice")
        return self
