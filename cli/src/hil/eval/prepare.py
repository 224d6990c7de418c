"""On what is a suite played: which source of the workflow, which model, which tools?"""

from dataclasses import dataclass
from pathlib import Path

from hil.demo.expected_state import state_dirs
from hil.demo.prepare import Place, next_place, write_servers_file
from hil.domain_file import Task
from hil.embedded.plan import OneProcessEach, ReplayModel, StackPlan
from hil.eval.played_source import played_source
from hil.eval.suite import Case
from hil.eval.suite_file import LoadedSuite
from hil.fill_source import filled
from hil.outcome import bad_input
from hil.provider import has_provider
from orchestrator.adapters.workflow_file import WorkflowErrors, load_workflow
from orchestrator.domain.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Prepared:
    """A suite that can be played. `workflow` is the file as it was given, with the policy of the domain filled in;
    `source` is what is played of it. `model` None is the provider of the settings."""

    loaded: LoadedSuite
    workflow: Workflow
    source: bytes
    model: ReplayModel | None

    @property
    def is_graded(self) -> bool:
        return any(isinstance(case, Case) and case.grade for case in self.loaded.cases)


def prepared(loaded: LoadedSuite) -> Prepared:
    """Raises CommandError for what can be known to fail before anything is started."""
    workflow, source = _workflow(loaded)
    model = None if has_provider() else _replay(loaded)
    return Prepared(loaded, workflow, source, model)


def stack_plan(prepared: Prepared, data_dir: Path) -> tuple[StackPlan, Place]:
    """The embedded system for a suite, with the tool server of its domain if it has one. Raises CommandError."""
    if prepared.is_graded and prepared.model is not None and prepared.loaded.script_file is None:
        raise bad_input(
            f"{prepared.loaded.name}: a replayed model cannot grade; set OPENAI_API_KEY or LLM_GATEWAY_PROVIDER_URL, "
            "or give replay.script with the answers"
        )
    place, domain = next_place(data_dir), prepared.loaded.domain
    environment = {}
    if domain is not None:
        state_dirs(domain, place.expected)  # Says before the start what could not be compared at the end.
        environment["TOOL_RUNNER_SERVERS_FILE"] = str(write_servers_file(domain, place))
    plan = StackPlan(data_dir=place.data_dir, layout=OneProcessEach(), model=prepared.model, environment=environment)
    return plan, place


def needs_own_system(loaded: LoadedSuite) -> bool:
    """The database of a task's tool server can be compared only where we started that server."""
    return any(isinstance(case, Task) for case in loaded.cases)


def _workflow(loaded: LoadedSuite) -> tuple[Workflow, bytes]:
    file = loaded.workflow_file
    values = {} if loaded.domain is None else {"policy": loaded.domain.policy}
    try:
        source = filled(file.read_text("utf-8"), values, file_name=str(file)).encode()
        workflow = load_workflow(source, file_name=str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise bad_input(f"{file}: cannot be read: {error}") from error
    except WorkflowErrors as errors:
        raise bad_input(str(errors)) from errors
    if workflow.name != loaded.suite.workflow:
        raise bad_input(f"{file}: is the workflow {workflow.name}, the suite is for {loaded.suite.workflow}")
    return workflow, played_source(source)


def _replay(loaded: LoadedSuite) -> ReplayModel:
    instruction, script = loaded.suite.replay.instruction, loaded.script_file
    arguments: tuple[str, ...] = () if script is None else ("--script", str(script))
    arguments += () if instruction is None else ("--instruction", instruction)
    return ReplayModel(loaded.domain_file, arguments)
