"""What became of the code in a pod, by Kubernetes' word and by the line that the pod logged?

The line is the word of code that nobody trusts, and read as such; how the pod ended is Kubernetes' own."""

import base64
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from tool_runner.adapters.sandbox.boot import UP
from tool_runner.adapters.sandbox.outcome import BadReport, Outcome, read_report, report_bytes_max
from tool_runner.domain.sandbox import SandboxLimits, SandboxResult, SandboxUnavailable

TIER = "C"
_KILLED = 137
_LIMITS_OF_POD = {"OOMKilled": "memory", "DeadlineExceeded": "wall"}
_CANNOT_START = {
    *("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerError", "RunContainerError"),
    "CreateContainerConfigError",
}
_KILLERS = ("wall", "output")
"""What the script in the pod ends code for."""


@dataclass(frozen=True, slots=True)
class Starting:
    """There is a pod, and nothing of it runs yet."""


@dataclass(frozen=True, slots=True)
class Running:
    """Its code may run."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing of it runs any more; `killed_by` is the limit that Kubernetes ended it for."""

    pod: str
    status: int
    killed_by: str | None


def pod_state(pod: JsonValue) -> Starting | Running | Ended:
    """Raises SandboxUnavailable for a pod that cannot start, or that was taken away for the node's sake."""
    status = _part(pod, "status")
    statuses = status.get("containerStatuses")
    state = _part(statuses[0], "state") if isinstance(statuses, list) and statuses else {}
    waiting, terminated = _part(state, "waiting"), _part(state, "terminated")
    phase = status.get("phase")
    if waiting.get("reason") in _CANNOT_START:
        raise SandboxUnavailable(
            f"the pod of the code cannot start: {waiting['reason']} {str(waiting.get('message', ''))[:300]}"
        )
    if phase in ("Succeeded", "Failed"):
        return _ended(pod, status, terminated)
    return Running() if phase == "Running" else Starting()


def _ended(pod: JsonValue, status: dict[str, JsonValue], terminated: dict[str, JsonValue]) -> Ended:
    name, code = str(_part(pod, "metadata").get("name")), terminated.get("exitCode", _KILLED)
    reason, message = status.get("reason"), str(status.get("message", ""))
    if reason == "Evicted" and "EmptyDir" in message:
        return Ended(name, _KILLED, "memory")
    if reason == "Evicted" and "ephemeral local storage" in message:
        return Ended(name, _KILLED, "output")
    if reason not in (None, "", "DeadlineExceeded"):
        raise SandboxUnavailable(f"the pod of the code was taken away: {reason} {message[:300]}")
    killed_by = _LIMITS_OF_POD.get(str(terminated.get("reason"))) or _LIMITS_OF_POD.get(str(reason))
    return Ended(name, code if isinstance(code, int) else _KILLED, killed_by)


def _part(of: JsonValue, name: str) -> dict[str, JsonValue]:
    part = of.get(name) if isinstance(of, dict) else None
    return part if isinstance(part, dict) else {}


def log_bytes_max(limits: SandboxLimits) -> int:
    """Of one line with output and report in base64."""
    return (limits.output_bytes_max + report_bytes_max(limits)) * 4 // 3 + 1024


@dataclass(frozen=True, slots=True)
class Line:
    """What the script in the pod says, if it was that script."""

    status: int
    killed_by: str | None
    output: bytes
    report: bytes


def result_of(ended: Ended, log: bytes, limits: SandboxLimits) -> SandboxResult:
    """What is to be believed of both."""
    if len(log) > log_bytes_max(limits):
        return _told(Line(_KILLED, "output", b"", b""), Outcome(), killed_by="output")
    if ended.killed_by is not None and not log:
        return _told(Line(_KILLED, None, b"", b""), Outcome(), killed_by=ended.killed_by)
    try:
        line = _line(log.strip().rpartition(b"\n")[2])
    except BadReport as error:
        return _told(Line(ended.status or 1, None, b"", b""), Outcome(error=str(error)), killed_by=ended.killed_by)
    killed_by, status = ended.killed_by or line.killed_by, line.status
    if len(line.output) > limits.output_bytes_max or len(line.report) > report_bytes_max(limits):
        killed_by = killed_by or "output"
    try:
        outcome = read_report(line.report.removeprefix(UP), limits)
    except BadReport as error:
        outcome, status = Outcome(error=str(error)), status or 1
    output = line.output[: limits.output_bytes_max]
    return _told(Line(status, None, output, b""), outcome, killed_by=killed_by)


def _line(text: bytes) -> Line:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        said = None
    match said:
        case {"status": int(status), "killed_by": killed_by, "output": str(output), "report": str(report)} if (
            0 <= status < 256 and (killed_by is None or killed_by in _KILLERS)
        ):
            try:
                texts = [base64.b64decode(text, validate=True) for text in (output, report)]
            except ValueError:  # Other letters than base64 has, whose own error is one, too.
                pass
            else:
                return Line(int(status), killed_by, *texts)
    raise BadReport("the pod logged no report of its own form")


def _told(line: Line, outcome: Outcome, *, killed_by: str | None) -> SandboxResult:
    status = (line.status or _KILLED) if killed_by is not None else line.status
    return SandboxResult(
        tier=TIER,
        exit_code=status,
        stdout=line.output.decode("utf-8", "replace"),
        result=outcome.result if status == 0 else None,
        error=outcome.error,
        files=outcome.files,
        timed_out=killed_by == "wall",
        killed_by=killed_by,
    )
