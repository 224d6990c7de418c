"""Who answers a request: the script, the task that is being played, or the echo?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hil.domain_file import Domain
from hil.replay_model.answers import Answer, Reply
from hil.replay_model.faults import Fault, with_fault
from hil.replay_model.fill_schema import in_format
from hil.replay_model.play_task import normalised, play, recognise
from hil.replay_model.request import ChatRequest
from hil.replay_model.script import Script


@dataclass(frozen=True, slots=True)
class TaskPlayer:
    """A domain ready to be played; `faults` names the tasks to be played wrongly."""

    domain: Domain
    faults: Mapping[str, Fault] = field(default_factory=dict)
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
        return play(self.domain, task, request, since)


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
