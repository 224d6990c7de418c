"""Does `hil up` tell a person and a script what happens?"""

import io
import json
from pathlib import Path

from rich.console import Console

from hil.embedded.supervisor import Change, Notice
from hil.up_notices import JsonLines, Secrets, Teller, Terminal

KEY_FILE = Path("/a folder", *("long" * 20 for _ in range(3)), "api_key")
LINK = ("http://127.0.0.1:4002/auth/first?code=[secret]" + "x" * 90, KEY_FILE.with_name("inbox_first_login"))

TOKEN_FILE = KEY_FILE.with_name("analytics_token")
ENDPOINTS = {
    "nats": "nats://127.0.0.1:4000",
    "llm_gateway": "http://127.0.0.1:4001",
    "analytics": "http://127.0.0.1:4003",
    "hil_inbox_chat": "http://127.0.0.1:4002",
}


def tell_everything(teller: Teller) -> None:
    teller.notice(Notice("nats", Change.STARTING))
    teller.notice(Notice("nats", Change.READY))
    teller.ready(ENDPOINTS, Secrets(KEY_FILE, LINK, TOKEN_FILE))
    teller.notice(Notice("nats", Change.ENDED, "was killed by signal 9 [x]; starting it again in 1 s (1 of 10)"))
    teller.stopping()
    teller.notice(Notice("nats", Change.STOPPED))
    teller.stopped()


def test_a_person_reads_addresses_and_what_goes_wrong() -> None:
    output = io.StringIO()
    tell_everything(Terminal(Console(file=output, width=100), model="replayed"))
    text = output.getvalue()
    assert "nats is ready" in text
    assert "nats://127.0.0.1:4000" in text
    assert "was killed by signal 9 [x]; starting it again in 1 s (1 of 10)" in text
    assert "Models: replayed" in text
    assert f"base URL http://127.0.0.1:4001/v1, key in {KEY_FILE}." in text
    assert f"curl -H \"Authorization: Bearer $(cat '{KEY_FILE}')\" http://127.0.0.1:4001/v1/models\n" in text
    assert f"  {LINK[0]}\n" in text
    assert f"sign in at http://127.0.0.1:4003/login with the token in {TOKEN_FILE}." in text
    assert f"(cat '{TOKEN_FILE}')\" http://127.0.0.1:4003/v1/summary\n" in text
    assert "Be the customer: http://127.0.0.1:4002/chat\n" in text
    assert text.endswith("Everything is stopped.\n")


def test_a_script_reads_one_json_object_a_line() -> None:
    output = io.StringIO()
    tell_everything(JsonLines(output))
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["starting", "ready", "up", "ended", "stopping", "stopped", "down"]
    assert lines[2]["endpoints"]["nats"] == "nats://127.0.0.1:4000"
    assert lines[2]["api_key_file"] == str(KEY_FILE)
    assert lines[2]["first_login_file"] == str(LINK[1])
    assert lines[2]["analytics_token_file"] == str(TOKEN_FILE)
    assert "secret" not in output.getvalue()
