"""Do five services have one handwriting: same rooms, same files, same rules, READMEs that tell the truth?"""

import ast
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
from tests.support.settings_tables import out_of_date, settings_table, with_table
from tests.support.source_shapes import (
    SERVICES,
    Source,
    calls,
    functions,
    handlers_of,
    imports,
    package_of,
    sources,
)

from contracts.catalogue import ALL_MESSAGES, BY_TYPE

ROOMS = {"domain", "adapters", "handlers", "api"}
EXTRA_ROOMS = {"hil-inbox": {"page"}, "analytics": {"page"}}
"""What people look at: templates, modules and styles."""
ENTRY_FILES = {"__init__.py", "__main__.py", "app.py", "settings.py", "py.typed"}
README_SECTIONS = ["## Listens to", "## Publishes", "## Stores", "## Settings"]
FILE_LINES_MAX, FUNCTION_LINES_MAX = 300, 50
NOT_SENT_YET = {
    ("hil-inbox", "hil.cmd.execution.stop.v1"),
    ("hil-inbox", "hil.cmd.conversation.close.v1"),
}
"""Senders that the catalogue promises and the first cut does not have; take an entry out with the code that sends."""

MADE_IN_LIBRARY = {"CostRecorded": "Ledger", "BudgetExhausted": "exhausted"}
"""Messages that `libs/cost-ledger` makes for the service that calls this."""

each_service = pytest.mark.parametrize("service", SERVICES)
each_source = pytest.mark.parametrize("source", sources(), ids=str)


def test_there_are_five_services() -> None:
    assert SERVICES == ["analytics", "hil-inbox", "llm-gateway", "orchestrator", "tool-runner"]


@each_service
def test_a_service_has_the_same_rooms_and_entry_files(service: str) -> None:
    found = {entry.name for entry in package_of(service).iterdir() if entry.name != "__pycache__"}
    assert found & ROOMS == ROOMS
    assert found >= ENTRY_FILES
    beside = {Path(name).suffix for name in found - ROOMS - ENTRY_FILES - EXTRA_ROOMS.get(service, set())}
    assert beside <= {".yaml", ".json", ".lua"}, "code belongs into a room"


@each_service
def test_app_serves_until_told_to_stop_and_says_when_it_is_ready(service: str) -> None:
    [app] = [source for source in sources() if source.file == package_of(service) / "app.py"]
    [serve] = [node for node in functions(app) if node.name == "serve"]
    assert isinstance(serve, ast.AsyncFunctionDef)
    assert [argument.arg for argument in serve.args.args] == ["settings"]
    assert [argument.arg for argument in serve.args.kwonlyargs] == ["stop", "ready"]


@each_source
def test_a_file_is_short(source: Source) -> None:
    assert source.lines <= FILE_LINES_MAX


@each_source
def test_functions_are_short(source: Source) -> None:
    long = [
        f"{source.at(node)} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in functions(source)
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


@each_source
def test_a_module_opens_by_saying_what_it_answers(source: Source) -> None:
    if source.tree.body:
        assert ast.get_docstring(source.tree), f"{source} has no docstring"


def test_only_the_bus_and_the_command_line_catch_every_exception() -> None:
    found = {str(source) for source in sources() for _ in handlers_of(source, "Exception")}
    edges = {"libs/service-kit/src/service_kit/bus.py", "cli/src/hil/outcome.py"}
    edges |= {"services/llm-gateway/src/llm_gateway/api/asgi.py"}  # The edge of HTTP, as the bus is of messages.
    edges |= {"libs/pii/src/pii/mask.py"}  # Whatever goes wrong in a search: what was not searched is not sent.
    edges |= {"libs/pii/src/pii/redact.py"}  # The same for a log line, which must never fail.
    edges |= {"services/llm-gateway/src/llm_gateway/adapters/name_finder.py"}  # The same for somebody's model of names.
    assert found == edges


def test_nothing_is_caught_without_a_name_and_what_ends_a_process_is_raised_again() -> None:
    in_the_box = "services/tool-runner/src/tool_runner/adapters/sandbox/boot.py"  # What its code raises is its outcome.
    silent = [source.at(node) for source in sources() for node in handlers_of(source, "")]
    swallowed = [
        source.at(node)
        for source in sources()
        for node in handlers_of(source, "BaseException")
        if str(source) != in_the_box and not any(isinstance(part, ast.Raise) for part in ast.walk(node))
    ]
    assert (silent, swallowed) == ([], [])


def test_motor_is_imported_in_one_file() -> None:
    assert [str(source) for source in sources() if "motor" in imports(source)] == [
        "libs/document-store/src/document_store/mongo.py"
    ]


def test_no_consumer_limits_deliveries_on_the_server() -> None:
    limits = [
        (source.at(node), ast.unparse(node.value))
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.keyword) and node.arg == "max_deliver"
    ]
    assert limits, "nobody declares it: has the kit lost its consumer?"
    assert {value for _, value in limits} == {"-1"}, limits


def test_everything_that_is_published_is_waited_for() -> None:
    loose = [
        source.at(call)
        for source in sources()
        for name in ("publish", "publish_surely", "append", "purge", "put_surely")
        for call in calls(source, name)
        if _is_async(call) and not _is_awaited(source, call)
    ]
    assert loose == []


def test_a_publish_without_acknowledgement_is_a_request_an_answer_or_holds_for_seconds_only() -> None:
    """`client.publish` is core NATS: nobody says whether it was stored."""
    loose = [
        source.at(call)
        for source in sources()
        for call in calls(source, "publish")
        if ".client.publish" in ast.unparse(call.func) or "broker.publish" in ast.unparse(call.func)
        if "reply" not in {keyword.arg for keyword in call.keywords}
        and ast.unparse(call.args[0]) != "arrival.msg.reply"
        and not ast.unparse(call.args[0]).startswith("live_subject(")
    ]
    assert loose == []


def test_a_publish_through_jetstream_names_its_stream() -> None:
    nameless = [
        source.at(call)
        for source in sources()
        for call in calls(source, "publish")
        if ast.unparse(call.func).endswith(("jetstream.publish", "js.publish"))
        if "stream" not in {keyword.arg for keyword in call.keywords}
    ]
    assert nameless == []


@each_service
def test_a_readme_has_the_same_sections(service: str) -> None:
    lines = readme(service).splitlines()
    assert [line for line in lines if line in README_SECTIONS] == README_SECTIONS


@each_service
def test_a_readme_lists_exactly_the_messages_of_the_routes(service: str) -> None:
    assert listed(service, "## Listens to") == routed(service)


@each_service
def test_routes_are_exactly_what_the_catalogue_says_that_the_service_reads(service: str) -> None:
    assert routed(service) == {kind.route.type for kind in ALL_MESSAGES if service in kind.route.read_by}


@each_service
def test_a_readme_lists_exactly_the_messages_that_the_service_makes(service: str) -> None:
    assert listed(service, "## Publishes") == made(service)


@each_service
def test_the_catalogue_promises_no_message_that_nobody_makes(service: str) -> None:
    promised = {kind.route.type for kind in ALL_MESSAGES if service in kind.route.sent_by}
    assert promised - made(service) == {name for sender, name in NOT_SENT_YET if sender == service}


def test_settings_tables_are_up_to_date() -> None:
    assert out_of_date() == [], "run `make catalogue`"


def test_a_settings_table_is_put_under_its_heading() -> None:
    table = settings_table("llm-gateway")
    text = "# x\n\n## Settings\n| old | table | here |\n\nmore\n"
    assert with_table(text, table) == "\n".join(["# x", "", "## Settings", *table, "", "more", ""])


@each_service
def test_every_setting_says_what_it_means(service: str) -> None:
    assert [line for line in settings_table(service) if line.endswith("| None |")] == []


class _Anything:
    """Stands for what a routes table passes on and does not look at."""

    def __getattr__(self, name: str) -> object:
        return object()


def _anything(_: str) -> _Anything:
    return _Anything()


def readme(service: str) -> str:
    return (package_of(service).parents[1] / "README.md").read_text()


def listed(service: str, section: str) -> set[str]:
    """Message types that a table of the README names."""
    body = readme(service).partition(f"{section}\n")[2].partition("\n## ")[0]
    named = {line.split("|")[1].strip().strip("`") for line in body.splitlines() if line.startswith("| `")}
    assert named <= set(BY_TYPE), named - set(BY_TYPE)
    return named


def routed(service: str) -> set[str]:
    """Message types in the route tables of `app.py`: its functions that return Routes."""
    module = import_module(f"{package_of(service).name}.app")
    [app] = [source for source in sources() if source.file == package_of(service) / "app.py"]
    tables = [node.name for node in app.tree.body if isinstance(node, ast.FunctionDef) and _returns_routes(node)]
    assert tables, f"{app} has no function that returns Routes"
    return {
        kind.route.type
        for table in tables
        for kind in getattr(module, table)(*(_Anything() for _ in signature(getattr(module, table)).parameters))
    }


def made(service: str) -> set[str]:
    """Message types that the service may send, and that its code makes."""
    own = [source for source in sources() if package_of(service) in source.file.parents]
    return {
        kind.route.type
        for kind in ALL_MESSAGES
        if service in kind.route.sent_by
        and any(
            any(calls(source, name))
            for source in own
            for name in (kind.__name__, MADE_IN_LIBRARY.get(kind.__name__, kind.__name__))
        )
    }


def _returns_routes(node: ast.FunctionDef) -> bool:
    return node.returns is not None and ast.unparse(node.returns) in {"Routes", "BatchRoutes"}


def _is_async(call: ast.Call) -> bool:
    """Lists have `append` too: only those of a log or an archive are meant."""
    text = ast.unparse(call.func)
    return not text.endswith("append") or "log.append" in text


def _is_awaited(source: Source, call: ast.Call) -> bool:
    waits = (node for node in ast.walk(source.tree) if isinstance(node, ast.Await))
    return any(part is call for wait in waits for part in ast.walk(wait))
