"""Does every error of a command become one sentence and an exit status?"""

from pathlib import Path

import pytest

from hil.connect import address_of
from hil.embedded.endpoints import write_endpoints
from hil.embedded.errors import DirectoryInUse, NotRunning, PortTaken, StartFailed
from hil.outcome import CommandError, HilApp, bad_input, unreachable


def status_of(error: Exception) -> object:
    app = HilApp()

    @app.command()
    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        app([])
    return end.value.code


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CommandError("it failed"), 1),
        (StartFailed("it did not start"), 1),
        (bad_input("no such workflow"), 2),
        (PortTaken(4222, "nats"), 2),
        (DirectoryInUse(Path("d"), "7"), 2),
        (unreachable("nothing answers"), 3),
        (NotRunning("no system"), 3),
    ],
)
def test_the_exit_status_says_what_kind_of_error_it_was(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(error) == status
    assert capsys.readouterr().err == f"hil: {error}\n"


def test_a_bug_is_one_sentence_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(KeyError("x")) == 1
    assert capsys.readouterr().err == "hil: unexpected KeyError: 'x' (HIL_DEBUG=1 shows where)\n"


def test_a_bug_is_shown_whole_to_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIL_DEBUG", "1")
    app = HilApp()

    @app.command()
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        app([])


def test_an_address_comes_from_the_running_system(tmp_path: Path) -> None:
    write_endpoints(tmp_path, {"nats": "nats://127.0.0.1:4000"})
    assert address_of("nats", tmp_path) == "nats://127.0.0.1:4000"


def test_an_address_in_the_environment_goes_before_the_running_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIL_NATS_URL", "nats://elsewhere:4222")
    assert address_of("nats", tmp_path) == "nats://elsewhere:4222"


def test_without_a_running_system_there_is_no_address(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=f"no running system in {tmp_path}"):
        address_of("nats", tmp_path)


def test_a_file_of_addresses_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text("[1, 2")
    with pytest.raises(Exception, match=r"cannot read .*endpoints\.json"):
        address_of("nats", tmp_path)
