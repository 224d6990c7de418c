"""Is a conversation in one arm of an experiment, told once, and decided again the same?"""

from dataclasses import replace

from tests.support.flows import flow, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog, kinds

from contracts.envelope import Decision
from contracts.executions import ExecutionFinished
from contracts.experiments import Arm, Experiment, ExperimentExposed, Experiments, Split
from orchestrator.adapters.experiments import RunningExperiments
from orchestrator.domain.decide import hashes_needed
from orchestrator.domain.replay import replay

CONTROL = flow(simple())
OTHER = flow(simple(prompt="Answer better."), simple("again"))
TREATMENT = replace(OTHER, version="2.0.0")


def split(name: str = "better", *, treatment_percent: int = 50) -> Split:
    arms = (
        Arm(version="1.0.0", content_hash=CONTROL.content_hash, percent=1),
        Arm(version="2.0.0", content_hash=TREATMENT.content_hash, percent=treatment_percent),
    )
    return Split(name=name, workflow="flow", arms=arms)


def key_in(wanted: Split, version: str | None) -> str:
    """A conversation that the split puts into this arm."""
    arms = ((key, wanted.arm_of(TENANT, key)) for key in (f"c{n}" for n in range(10_000)))
    return next(key for key, arm in arms if (arm.version if arm else None) == version)


def log_in(version: str | None, wanted: Split | None = None) -> SimulatedLog:
    wanted = wanted or split()
    return SimulatedLog(CONTROL, key_in(wanted, version), experiments={"flow": wanted}, arms=(TREATMENT,))


def exposures(log: SimulatedLog) -> list[ExperimentExposed]:
    return [entry.message for entry in log.entries if isinstance(entry.message, ExperimentExposed)]


def ends(log: SimulatedLog) -> list[ExecutionFinished]:
    return [entry.message for entry in log.entries if isinstance(entry.message, ExecutionFinished)]


def answer(log: SimulatedLog) -> None:
    while log.open_commands():
        log.produce({"reply": "hello"})


def differences(log: SimulatedLog) -> tuple[object, ...]:
    known = {one.content_hash: one for one in (CONTROL, TREATMENT)}
    return replay(TENANT, log.key, log.entries, known).differences


def test_the_log_says_the_arm_before_the_first_command_and_the_execution_is_pinned_to_it() -> None:
    log = log_in("2.0.0")

    assert kinds(log.say("hi")) == ["experiment.exposed", "completion.request"]
    first, command = (entry.message for entry in log.entries[1:3])
    assert isinstance(first, ExperimentExposed) and isinstance(command, Decision)
    assert (first.version, first.split) == ("2.0.0", split())
    assert first.workflow_hash == command.workflow_hash == TREATMENT.content_hash
    assert log.entries[1].id != log.entries[2].id


def test_every_execution_while_it_runs_is_of_the_arm_and_says_so_and_exposure_is_told_once() -> None:
    log = log_in("2.0.0")
    for turn in ("1", "2"):
        log.say("hi", turn)
        answer(log)

    assert len(exposures(log)) == 1
    assert [end.based_on.experiment for end in ends(log)] == ["better", "better"]
    assert {end.workflow_hash for end in ends(log)} == {TREATMENT.content_hash}
    assert differences(log) == ()


def test_the_control_is_exposed_too() -> None:
    log = log_in("1.0.0")
    log.say("hi")
    answer(log)

    assert [one.version for one in exposures(log)] == ["1.0.0"]
    assert ends(log)[0].workflow_hash == CONTROL.content_hash
    assert differences(log) == ()


def test_a_conversation_in_no_arm_is_not_touched() -> None:
    log = log_in(None)

    assert kinds(log.say("hi")) == ["completion.request"]
    answer(log)
    assert ends(log)[0].based_on.experiment is None


def test_once_it_is_stopped_the_version_in_force_answers_and_nothing_counts_for_it() -> None:
    log = log_in("2.0.0")
    log.say("hi")
    log.experiments = {}
    answer(log)
    log.say("again", "2")
    answer(log)

    assert [end.based_on.experiment for end in ends(log)] == ["better", None]
    assert [end.workflow_hash for end in ends(log)] == [TREATMENT.content_hash, CONTROL.content_hash]
    assert differences(log) == ()


def test_the_next_experiment_on_the_workflow_exposes_again() -> None:
    log = log_in("2.0.0")
    log.say("hi")
    answer(log)
    log.experiments = {"flow": split("next", treatment_percent=99)}
    log.say("again", "2")
    answer(log)

    assert [one.split.name for one in exposures(log)] == ["better", "next"]
    assert [end.based_on.experiment for end in ends(log)] == ["better", "next"]
    assert differences(log) == ()


def test_an_experiment_on_another_workflow_is_nobodys_here() -> None:
    log = log_in("2.0.0")
    log.experiments = {"another": split()}

    assert kinds(log.say("hi", workflow="flow")) == ["completion.request"]


def test_a_turn_that_names_no_published_workflow_is_refused_and_not_exposed() -> None:
    log = log_in("2.0.0")

    assert kinds(log.say("hi", workflow="nowhere")) == ["turn.refused"]


def test_a_turn_that_names_the_workflow_is_exposed_as_one_of_the_route_is() -> None:
    log = log_in("2.0.0")

    assert kinds(log.say("hi", workflow="flow")) == ["experiment.exposed", "completion.request"]
    assert differences(log) == ()


def test_a_standalone_execution_is_a_unit_of_its_own() -> None:
    log = log_in("2.0.0")

    assert kinds(log.start()) == ["experiment.exposed", "completion.request"]
    answer(log)
    assert (len(ends(log)), ends(log)[0].workflow_hash) == (1, TREATMENT.content_hash)
    assert log.wait(1_000) == []
    assert differences(log) == ()


def test_an_execution_that_goes_on_is_never_moved_into_an_arm() -> None:
    log = SimulatedLog(CONTROL, key_in(split(), "2.0.0"), arms=(TREATMENT,))
    log.say("hi")
    log.experiments = {"flow": split()}
    answer(log)

    assert (exposures(log), ends(log)[0].workflow_hash) == ([], CONTROL.content_hash)


def test_replay_tells_an_assignment_that_this_build_would_make_otherwise() -> None:
    log = log_in("2.0.0")
    log.say("hi")
    forged = exposures(log)[0].model_copy(update={"version": "1.0.0"})
    log.entries[1] = replace(log.entries[1], message=forged)

    assert replay(TENANT, log.key, log.entries, {}).differences[0].sequence == 2


def test_versions_of_running_experiments_are_needed_and_of_stopped_ones_not() -> None:
    log = log_in("2.0.0")
    log.say("hi")
    answer(log)
    routes: dict[str | None, str] = {None: "default"}
    log.state.__dict__["workflow_hash"] = None

    assert hashes_needed(log.state, routes, log.experiments) == {TREATMENT.content_hash}
    assert hashes_needed(log.state, routes, {}) == set()


def declared(name: str = "better", **fields: object) -> Experiment:
    return Experiment.model_validate({**split(name).model_dump(), "started_ms": 5, **fields})


async def test_entries_of_the_bucket_are_taken_over_by_tenant() -> None:
    running = RunningExperiments()
    await running.apply(TENANT, Experiments(experiments=(declared(),)).model_dump_json().encode())
    assert (running.of(TENANT), running.of("other")) == ({"flow": split()}, {})

    await running.apply(TENANT, b"{not json")
    assert running.of(TENANT) == {"flow": split()}

    await running.apply(TENANT, Experiments(experiments=(declared(stopped_ms=6),)).model_dump_json().encode())
    assert running.of(TENANT) == {}

    await running.apply(TENANT, None)
    assert running.of(TENANT) == {}


def test_a_key_of_the_tests_is_in_the_arm_that_it_is_said_to_be_in() -> None:
    assert key_in(split(), "2.0.0") != KEY
