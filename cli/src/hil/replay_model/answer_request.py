"""Who answers a request: the script, the task that is being played, or the echo?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hil.domain_file import Domain, Task
from hil.replay_model.answers import Answer, Reply
from hil.replay_model.faults import Fault, with_fault
from hil.replay_model.fill_schema import in_format
from hil.replay_model.play_task import normalised, play, recognise
from hil.replay_model.request import ChatRequest, offered_name
from hil.replay_model.script import Script


@dataclass(frozen=True, slots=True)
class TaskPlayer:
    """A domain ready to be played; `faults` names the tasks to be played wrongly. With an `instruction` the player
    heeds what it is given: where these words are not in the prompt it tells the customer nothing of what was asked, and
    it does without a tool that is not offered."""

    domain: Domain
    faults: Mapping[str, Fault] = field(default_factory=dict)
    instruction: str | None = None
    openings: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        openings = {normalised(task.opening): task.id for task in self.domain.tasks.values()}
        object.__setattr__(self, "openings", openings)
        for task_id in self.faults:
            self.domain.task(task_id)

    def answer(self, request: ChatRequest) -> Answer | None:
        """None when no task of this domain is being played."""
        found = recognise(self.openings, request.messages)
        if found is None:
            return None
        task, since = self.domain.task(found[0]), found[1]
        if (fault := self.faults.get(task.id)) is not None:
            task = with_fault(task, fault, transfer_tool=self.domain.file.transfer_tool)
        if self.instruction is not None:
            task = _heeding(task, request, normalised(self.instruction))
        return play(self.domain, task, request, since)


def _heeding(task: Task, request: ChatRequest, instruction: str) -> Task:
    offered = tuple(action for action in task.actions if offered_name(action.name, request.tools) is not None)
    prompts = (message.content for message in request.messages if message.role in ("system", "developer"))
    is_told = any(instruction in normalised(prompt) for prompt in prompts)
    return replace(task, actions=offered, communicate_info=task.communicate_info if is_told else ())


def echo(request: ChatRequest) -> Reply:
    """What the customer said last, in the format that is asked for."""
    return Reply(in_format(request.output_schema, request.last_user_text))


def answer_request(request: ChatRequest, script: Script, player: TaskPlayer | None) -> tuple[Answer, float]:
    """The answer and the seconds to wait before it."""
    scripted = script.take(request)
    if scripted is not None:
        return scripted
    played = player.answer(request) if player is not None else None
    return (played if played is not None else echo(request)), 0.0
