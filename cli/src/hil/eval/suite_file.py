"""Which cases does a suite file name, with which workflow and domain, or what is wrong with it?"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from hil.demo.prepare import SHIPPED_WORKFLOWS
from hil.domain_file import Domain, DomainError, Task, load_domain, shipped_domain
from hil.eval.suite import CASES_MAX, Case, Suite
from hil.outcome import bad_input
from hil.replay_model.script import ScriptError, load_script
from orchestrator.adapters.workflow_file.read_yaml import Document, read_yaml
from orchestrator.adapters.workflow_file.report import WorkflowErrors

AnyCase = Case | Task
"""A case of the file, or a task of its domain."""


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite with all that it names. `domain_file` and `domain` are there together."""

    name: str
    suite: Suite
    suite_hash: str
    cases: Sequence[AnyCase]
    workflow_file: Path
    domain_file: Path | None = None
    domain: Domain | None = None
    script_file: Path | None = None


def load_suite(file: Path, workflow_file: Path | None = None) -> LoadedSuite:
    """Raises CommandError, with every mistake that the file has, each with its line."""
    try:
        source = file.read_bytes()
    except OSError as error:
        raise bad_input(f"{file}: cannot be read: {error}") from error
    suite = _read(file, source)
    domain_file = None if suite.domain is None else _domain_file(file, suite.domain)
    try:
        domain = None if domain_file is None else load_domain(domain_file)
        tasks = [] if domain is None or suite.tasks is None else _tasks(domain, suite)
    except DomainError as error:
        raise bad_input(f"{file}: domain: {error}") from error
    cases: list[AnyCase] = [*suite.cases, *tasks]
    if len({case.id for case in cases}) != len(cases) or len(cases) > CASES_MAX:
        raise bad_input(f"{file}: cases and tasks: ids must differ, and be at most {CASES_MAX}; these are {len(cases)}")
    return LoadedSuite(
        name=file.stem,
        suite=suite,
        suite_hash=hashlib.sha256(suite.model_dump_json(exclude={"gate", "description"}).encode()).hexdigest(),
        cases=cases,
        workflow_file=workflow_file or _workflow_file(file, suite.workflow),
        domain_file=domain_file,
        domain=domain,
        script_file=None if suite.replay.script is None else _script_file(file, suite.replay.script),
    )


def chosen(loaded: LoadedSuite, *, ids: Sequence[str], sample: int | None) -> LoadedSuite:
    """Only these cases, and of them `sample`, evenly spread. Raises CommandError for an id that is not there."""
    known = {case.id for case in loaded.cases}
    if unknown := [id_ for id_ in ids if id_ not in known]:
        raise bad_input(f"--ids: {loaded.name} has no case {unknown[0]!r}; it has {', '.join(sorted(known)[:10])} …")
    cases = [case for case in loaded.cases if not ids or case.id in ids]
    if sample is not None and sample < len(cases):
        cases = [cases[index * len(cases) // sample] for index in range(sample)]
    return replace(loaded, cases=cases)


def _read(file: Path, source: bytes) -> Suite:
    document = read_yaml(source, str(file))
    if document.report.errors:
        raise bad_input(str(WorkflowErrors(document.report.errors)))
    try:
        return Suite.model_validate(document.value)
    except ValidationError as error:
        raise bad_input(_mistakes(document, error)) from error


def _mistakes(document: Document, error: ValidationError) -> str:
    for found in error.errors(include_url=False, include_context=False):
        path = tuple(found["loc"])
        value = "" if isinstance(found["input"], dict | list) else f" (got {str(found['input'])[:80]!r})"
        field = ".".join(map(str, path)) or "suite"
        document.report.add(path, f"{field}: {found['msg'].removeprefix('Value error, ')}{value}")
    return str(WorkflowErrors(document.report.errors))


def _tasks(domain: Domain, suite: Suite) -> list[Task]:
    assert suite.tasks is not None, "asked only where there are tasks"
    if suite.tasks.ids:
        return [domain.task(task_id) for task_id in suite.tasks.ids]
    return domain.tasks_of(suite.tasks.split)


def _domain_file(file: Path, name: str) -> Path:
    return _first((file.parent / name if name.endswith(".yaml") else shipped_domain(name),), f"{file}: domain: {name}")


def _workflow_file(file: Path, name: str) -> Path:
    folders = (file.parent.parent, file.parent, SHIPPED_WORKFLOWS)
    others = [path for folder in folders if (path := folder / f"{name}.yaml") != file]
    return _first(others, f"{file}: workflow: {name}")


def _script_file(file: Path, name: str) -> Path:
    script = _first((file.parent / name,), f"{file}: replay.script: {name}")
    try:
        load_script(script)
    except ScriptError as error:
        raise bad_input(str(error)) from error
    return script


def _first(candidates: Sequence[Path], what: str) -> Path:
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise bad_input(f"{what}: no such file ({', '.join(map(str, candidates))})")
