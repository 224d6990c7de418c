"""`hil llm explain` on a real server."""

import json

import pytest

from contracts.costs import CandidateRecord, CostEntry, CostRecorded, RequestRecord
from contracts.envelope import Identity
from service_kit.bus import publish
from tests.integration.hil.test_workflow_command import hil
from tests.support.kit import TENANT, kit
from tests.support.start_servers import NatsServer

OTHERS = tuple(RequestRecord(request_id=f"other-{number}") for number in range(20))
WANTED = RequestRecord(
    request_id="req_1",
    profile="fast",
    model="small",
    candidates=(CandidateRecord(model="small", verdict="answered"),),
    masked={"phone": 1},
)
BOOK = "execution:acme/req_62db24407076ff75c082ad4c"
ENTRY = CostEntry(
    reservation_id="acme/req_1/0", request_id="req_1", spent_microdollars=7, reserved_microdollars=9, scopes=(BOOK,)
)


async def test_a_request_is_explained_from_the_ledger_and_an_unknown_one_is_refused(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        # The money is often stored a message before the request's end.
        for number, message in enumerate(
            (CostRecorded(entries=(ENTRY,)), CostRecorded(requests=(*OTHERS, WANTED)), CostRecorded(requests=OTHERS))
        ):
            await publish(connection, message, Identity(TENANT, "costs-2026-01-01", f"m{number}", "cause"))
        as_json = await hil(nats_server, "llm", "explain", "req_1", "--json")
        as_text = await hil(nats_server, "llm", "explain", "req_1")
        unknown = await hil(nats_server, "llm", "explain", "req_2", "--since", "0.5")
    row = json.loads(as_json.stdout)
    assert (row["request"]["model"], row["request"]["masked"], row["spent_microdollars"]) == ("small", {"phone": 1}, 7)
    assert [one["reserved_microdollars"] for one in row["attempts"]] == [9]
    assert as_text.returncode == 0 and "small is the first of the profile and answered" in as_text.stdout
    assert f"counted in {BOOK}\n" in as_text.stdout
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert (
        "nothing is recorded of request 'req_2' in the last 0.5 h; --since HOURS looks further back" in unknown.stderr
    )


@pytest.mark.parametrize(("arguments", "said"), [((" ",), "must be 1 to 300 characters"), (("x", "--since", "0"), "")])
async def test_bad_input_is_refused(arguments: tuple[str, ...], said: str) -> None:
    run = await hil(None, "llm", "explain", *arguments)
    assert run.returncode == 2
    assert said in run.stderr


async def test_status_three_where_no_system_answers(nats_server: NatsServer, tmp_path: object) -> None:
    run = await hil(None, "llm", "explain", "x", "--data-dir", str(tmp_path))
    assert run.returncode == 3
