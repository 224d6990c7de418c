"""How does an evaluation look to a CI system that reads JUnit's XML?"""

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from hil.eval.report import why_failed
from hil.eval.results import CaseResult, Evaluation

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(file: Path, evaluation: Evaluation) -> None:
    """A test case for each case of the suite; it fails if any of its trials did."""
    failed = sum(case.tally[0] < case.tally[1] for case in evaluation.cases)
    counts = {"tests": str(len(evaluation.cases)), "failures": str(failed), "errors": "0"}
    seconds = f"{(evaluation.finished_ms - evaluation.started_ms) / 1_000:.3f}"
    root = Element("testsuites", {"name": "hil eval", "time": seconds, **counts})
    suite = SubElement(root, "testsuite", {"name": evaluation.suite, "time": seconds, **counts})
    for case in evaluation.cases:
        _add(suite, evaluation, case)
    indent(root)
    file.parent.mkdir(parents=True, exist_ok=True)
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def _add(suite: Element, evaluation: Evaluation, case: CaseResult) -> None:
    passed, trials = case.tally
    latency_ms = sum(execution.latency_ms for trial in case.trials for execution in trial.executions)
    names = {"name": _readable(case.id), "classname": f"{evaluation.suite}.{evaluation.workflow}"}
    element = SubElement(suite, "testcase", {**names, "time": f"{latency_ms / 1_000:.3f}"})
    if passed < trials:
        message = f"{passed} of {trials} trials passed"
        failure = SubElement(element, "failure", {"message": message, "type": "failed"})
        failure.text = _readable("\n".join(why_failed(case)))


def _readable(text: str) -> str:
    """XML has no way to write some characters, which would spoil the whole file."""
    return _NOT_IN_XML.sub("?", text)
