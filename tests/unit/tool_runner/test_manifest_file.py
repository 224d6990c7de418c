"""What does a manifest say, and what is said about a wrong one?"""

import sys
from pathlib import Path

import pytest

from tool_runner.adapters.knowledge import GatewayEmbeddings
from tool_runner.adapters.manifest_file import Manifest, ManifestError, load_manifest
from tool_runner.adapters.mcp_process import Launch
from tool_runner.adapters.tool_sources import Builtin, CodeFiles, Functions, Knowledge, OpenApi, RemoteMcp
from tool_runner.domain.grants import Grant
from tool_runner.domain.manifest import ApprovalPolicy, Quota, QuotaPer, ResultPii, SideEffect, ToolRules

GOOD = """
permissions: [orders.write, money]
approvals:
  dear: {when: "arguments.amount > `100`"}
  after-reading: {after_untrusted_read: true}
  careful: {includes: [dear, after-reading]}
grants:
  - name: support
    tools: [retail.*]
    agents: [support]
    tenants: [acme, "test-*"]
    permissions: [orders.write]
    when: ["amount <= `100`"]
servers:
  - name: retail
    command: [python, -m, shop]
    env: {STATE_DIR: /state}
    state_key: "tau2/retail/{key}"
    hidden_tools: [reset_state]
    defaults: {cost_usd: 0.0015, side_effect: read, timeout_ms: 5000, untrusted: false}
    tools:
      cancel:
        side_effect: write
        idempotency_argument: key
        approvals: [careful, dear]
        permissions_required: [orders.write]
        quotas: [{per: entity, calls_max: 3}, {per: tenant, calls_max: 500, window: month}]
        rate_limit_rpm: 60
        concurrent_max: 2
        pii_arguments: [email]
        result_pii: tokenise
      look: {idempotent: true, cache_ttl_seconds: 60, output_schema: {type: object}, cost_usd: "0.000001"}
    limits: {memory_bytes_max: 1000000000, concurrency: 4, breaker_failures_max: 2}
  - name: functions
    tools:
      dedent: {python: "textwrap:dedent", side_effect: read, cost_usd: 0}
  - name: crm
    url: https://crm.example/mcp
    headers: {x-app: hil}
    headers_from_env: {x-api-key: CRM_KEY}
    defaults: {cost_usd: 0, authentication_required: crm, idempotency_header: Idempotency-Key}
    offered_tools: ["GMAIL_*"]
  - name: weather
    openapi: weather.yaml
    base_url: http://127.0.0.1:9000/v1
    defaults: {cost_usd: 0}
  - name: sums
    tools:
      total: {code: total.py, cost_usd: 0, input_schema: {type: object}}
  - name: box
    builtin: code
    defaults: {cost_usd: 0}
  - name: knowledge
    builtin: knowledge
    folder: papers
    embeddings_url: http://127.0.0.1:8081/v1
    embeddings_key_from_env: CRM_KEY
    defaults: {cost_usd: 0}
apps:
  crm: {kind: api_key, header: "x-api-key: {token}"}
"""


def load(directory: Path, text: str) -> Manifest:
    (directory / "weather.yaml").write_text("openapi: 3.1.0\npaths: {}\n")
    (directory / "leaking.yaml").write_text("openapi: 3.1.0\npaths: {a: {$ref: 'file:///etc/passwd'}}\n")
    (directory / "total.py").write_text("result = sum(inputs['numbers'])\n")
    path = directory / "tools.yaml"
    path.write_text(text)
    return load_manifest(path, search_path="/bin", environment={"CRM_KEY": "k1"})


def test_every_server_has_its_source(tmp_path: Path) -> None:
    sources = {server.rules.name: server.source for server in load(tmp_path, GOOD).servers}
    retail = sources["retail"]
    assert isinstance(retail, Launch)
    assert retail.command == (sys.executable, "-m", "shop")
    assert retail.env == {"PATH": "/bin", "LANG": "C.UTF-8", "STATE_DIR": "/state"}
    assert retail.memory_bytes_max == 1_000_000_000
    assert isinstance(sources["functions"], Functions)
    assert sources["crm"] == RemoteMcp("https://crm.example/mcp", {"x-app": "hil", "x-api-key": "k1"}, 16)
    assert "k1" not in repr(sources["crm"])
    assert sources["weather"] == OpenApi({"openapi": "3.1.0", "paths": {}}, "http://127.0.0.1:9000/v1")
    assert sources["sums"] == CodeFiles({"total": "result = sum(inputs['numbers'])\n"})
    assert sources["box"] == Builtin("code")
    assert sources["knowledge"] == Knowledge(tmp_path / "papers", GatewayEmbeddings("http://127.0.0.1:8081/v1", "k1"))
    assert "k1" not in repr(sources["knowledge"])


def test_a_tool_has_its_own_rules_over_the_defaults(tmp_path: Path) -> None:
    retail = load(tmp_path, GOOD).servers[0]
    assert retail.rules.tools["cancel"] == ToolRules(
        side_effect=SideEffect.WRITE,
        timeout_ms=5000,
        idempotency_argument="key",
        cost_microdollars=1500,
        rate_limit_rpm=60,
        concurrent_max=2,
        quotas=(Quota(QuotaPer.ENTITY, 3), Quota(QuotaPer.TENANT, 500, "month")),
        approvals=(
            ApprovalPolicy("dear", "arguments.amount > `100`"),
            ApprovalPolicy("after-reading", after_untrusted_read=True),
        ),
        permissions_required=frozenset({"orders.write"}),
        untrusted=False,
        result_pii=ResultPii.TOKENISE,
        pii_arguments=frozenset({"email"}),
    )
    look = retail.rules.tools["look"]
    assert (look.side_effect, look.cost_microdollars, look.cache_ttl_seconds) == (SideEffect.READ, 1, 60)
    assert (retail.limits.concurrency, retail.limits.breaker.failures_max) == (4, 2)


def test_grants_are_read(tmp_path: Path) -> None:
    (grant,) = load(tmp_path, GOOD).grants
    assert grant == Grant(
        name="support",
        tools=("retail.*",),
        agents=("support",),
        tenants=("acme", "test-*"),
        permissions=frozenset({"orders.write"}),
        when=("amount <= `100`",),
    )


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    first, same, other = (load(tmp_path, text).version for text in (GOOD, GOOD, GOOD + "# more\n"))
    assert first == same != other


def test_the_memory_of_a_server_is_bounded_where_nothing_is_said(tmp_path: Path) -> None:
    text = "servers: [{name: a, command: [x], defaults: {cost_usd: 0}}]"
    (server,) = load(tmp_path, text).servers
    assert isinstance(server.source, Launch)
    assert server.source.memory_bytes_max == 1 << 30


def test_without_a_file_nothing_is_configured() -> None:
    assert load_manifest(None, search_path="/bin") == Manifest()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "hidden_tools:",
            "hiden_tools:",
            ":19: servers.retail.hiden_tools: unknown field; did you mean 'hidden_tools'?",
        ),
        ("name: retail", "name: Re tail", ":15: servers.Re tail.name: String should match"),
        ("side_effect: write", "side_effect: maybe", ":23: servers.retail.tools.cancel.side_effect: Input should be"),
        ("timeout_ms: 5000", "timeout_ms: 0", ":20: servers.retail.defaults.timeout_ms: Input should be greater"),
        ("timeout_ms: 5000", "timeout_ms: 5000, timeout_ms: 6000", ":20: file: 'timeout_ms' is there twice"),
        ("cost_usd: 0.0015, ", "", ":20: servers.retail.defaults.cost_usd: is missing; tools that the server lists"),
        (", cost_usd: 0}\n  - name: crm", "}\n  - name: crm", "functions.tools.dedent.cost_usd: is missing, here and"),
        ("0.0015", "0.00000015", "cost_usd: Value error, finer than a micro-dollar"),
        ("0.0015", "-1", "cost_usd: Input should be greater than or equal to 0"),
        ("0.0015", ".nan", "cost_usd: Input should be a finite number"),
        ("command: [python, -m, shop]", "sandbox: true", ":15: servers.retail.name: a server has exactly one source"),
        (
            "[python, -m, shop]",
            "[python, -m, shop]\n    network: host",
            ":17: servers.retail.network: says nothing without `sandbox: true`",
        ),
        (
            "limits: {memory_bytes_max: 1000000000,",
            "limits: {processes_max: 100,",
            "servers.retail.limits.processes_max: says nothing without `sandbox: true`",
        ),
        ("    builtin: code", "    builtin: code\n    url: https://a.example", "exactly one source"),
        (
            "      dedent: {",
            "      other: {cost_usd: 0}\n      dedent: {",
            ":36: servers.functions.tools.other.python: is",
        ),
        (
            "textwrap:dedent",
            "no_such_module:f",
            ":36: servers.functions.tools.dedent.python: no_such_module:f: No module",
        ),
        ("textwrap:dedent", "sys:maxsize", "sys:maxsize is not a function"),
        ("name: functions", "name: retail", ":34: servers.retail.name: 'retail' is there twice"),
        (
            "name: functions",
            "name: functions\n    env: {A: b}",
            "env: says nothing to a server with python; it belongs",
        ),
        ("idempotent: true", "idempotent: true, idempotency_header: X-Key", "look.idempotency_header: needs a server"),
        ("[orders.write, money]", "[money]", "grants.support.permissions: no permission 'orders.write' is declared"),
        ("[careful, dear]", "[carefull]", ":25: servers.retail.tools.cancel.approvals: no approval 'carefull' is decl"),
        ("[careful, dear]", "[carefull]", "; did you mean 'careful'?"),
        (
            "untrusted_read: true}",
            "untrusted_read: true, includes: [careful]}",
            ":5: approvals.after-reading.includes: go",
        ),
        ("includes: [dear,", "includes: [careful,", "goes round in a circle: careful → careful"),
        ("amount > `100`", "amount >", ":4: approvals.dear.when: not a JMESPath expression"),
        ("amount <= `100`", "sum_of(amount)", ":13: grants.support.when: JMESPath has no function 'sum_of'"),
        ("[retail.*]", "[retial.*]", ":9: grants.support.tools: 'retial.*' names no server; did you mean 'retail'?"),
        (
            "output_schema: {type: object}",
            "output_schema: {type: 5}",
            ":32: servers.retail.tools.look.output_schema: not",
        ),
        (
            "output_schema: {type: object}",
            "output_schema: {$ref: 'file:///etc/passwd'}",
            "look.output_schema: not a JSON",
        ),
        ("output_schema: {type: object}", "output_schema: {$ref: '#'}", "look.output_schema: not a JSON Schema"),
        (
            "{per: tenant, calls_max: 500, window: month}",
            "{per: entity, calls_max: 9, window: day}",
            "cancel.quotas: calls for each entity in a day are limited twice; keep the smaller limit",
        ),
        ("amount <= `100`", f"{'(' * 900}amount{')' * 900}", ":13: grants.support.when: nested too deep"),
        ("name: functions", 'name: functions\n    env: {"A=B": b}', "servers.functions.env.A=B: String should match"),
        ("name: functions", 'name: functions\n    command: ["a\\0"]', "functions.command.0: String should match"),
        (
            "name: functions",
            "name: functions\n    limits: {memory_bytes_max: 9999999999999999999}",
            "limits.memory_bytes_max: Input should be less than",
        ),
        ("input_schema: {type: object}", "description: x", "sums.tools.total.input_schema: is missing; code does not"),
        ("input_schema: {type: object}", "input_schema: {type: array}", "must be of an object"),
        (
            "input_schema: {type: object}",
            "input_schema: {type: object, properties: {a: {anyOf: [{$ref: '#'}, {$ref: '#'}]}}}",
            "sums.tools.total.input_schema: not a JSON Schema (Draft 2020-12) that can be used: comparing may take too",
        ),
        ("total.py", "nothing.py", "sums.tools.total.code: "),
        ("cache_ttl_seconds: 60", "cache_ttl_seconds: 60, side_effect: write", "only results of `read` tools are kept"),
        ("https://crm.example", "http://crm.example", "servers.crm.url: http sends everything in the clear"),
        ("https://crm.example", "https://u:p@crm.example", "must be without user, password"),
        ("https://crm.example", "ftp://crm.example", "must be http(s)://host"),
        (
            "x-api-key: CRM_KEY",
            "x-api-key: NO_KEY",
            "servers.crm.headers_from_env.x-api-key: the environment variable NO_KEY is not set",
        ),
        ("x-app: hil", "Host: evil", "servers.crm.headers.Host: Value error, Host is set by the client itself"),
        ("x-app: hil", 'x-app: "a\\r\\nb: c"', "a header is one line of plain ASCII"),
        ("    base_url: http://127.0.0.1:9000/v1\n", "", "servers.weather.base_url: is missing; the address in the"),
        ("weather.yaml", "total.py", "is no OpenAPI 3 document"),
        ("weather.yaml", "leaking.yaml", "leaking.yaml refers to 'file:///etc/passwd'; put all of it into one"),
        (":9000/v1", ":9000/v1?x=1", "servers.weather.base_url: must be without ?query"),
        ("kind: api_key", "kind: key", "apps.crm.kind: Input should be 'oauth' or 'api_key'"),
        (
            "kind: api_key",
            "kind: api_key, client_id: s3cret",
            "apps.crm: Value error, an app of kind api_key has no cl",
        ),
        ("authentication_required: crm", "authentication_required: cmr", "no app 'cmr' is declared in apps; did you"),
        ("    folder: papers\n", "", "servers.knowledge.folder: is missing; where are the documents"),
        (
            "    embeddings_key_from_env: CRM_KEY\n",
            "",
            "servers.knowledge.embeddings_url: and embeddings_key_from_env go",
        ),
        ("_from_env: CRM_KEY", "_from_env: NONE", "embeddings_key_from_env: the environment variable NONE is not set"),
        ("http://127.0.0.1:8081", "http://gateway.example", "knowledge.embeddings_url: http sends everything in the"),
        (
            "    embeddings_url: http://127.0.0.1:8081/v1\n    embeddings_key_from_env: CRM_KEY\n",
            "    embeddings_model: small\n",
            "servers.knowledge.embeddings_model: says nothing without embeddings_url",
        ),
        (
            "    builtin: code\n",
            "    builtin: code\n    folder: a\n",
            "servers.box.folder: says nothing to `builtin: code`",
        ),
        (
            "    builtin: code\n",
            "    command: [x]\n    embeddings_model: a\n",
            "servers.box.embeddings_model: says nothing to a server with com",
        ),
        ("builtin: code", "builtin: cod", "servers.box.builtin: Input should be 'code' or 'knowledge'"),
        ("[orders.write, money]", "&a [orders.write, money]\nx: *a", ":3: file: aliases (*name) are not read"),
        ("[orders.write, money]", "[" * 60 + "]" * 60, ":2: file: nested more than 40 deep"),
        ("[orders.write, money]", "[", "file: expected"),
        ("servers:\n", "servers: 1\nmore:\n", "servers: Input should be a valid list (got '1')"),
    ],
)
def test_a_mistake_is_named_with_file_line_field_and_what_to_do(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert old in GOOD
    with pytest.raises(ManifestError) as refused:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert str(refused.value).startswith(f"{tmp_path / 'tools.yaml'}:")
    assert complaint in str(refused.value)


@pytest.mark.parametrize(("text", "complaint"), [("", ":1: file: is empty"), ("[]", ":1: file: Input should be")])
def test_a_file_without_servers_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        load(tmp_path, text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none\.yaml: cannot be read"):
        load_manifest(tmp_path / "none.yaml", search_path="/bin")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as refused:
        load(tmp_path, GOOD.replace("[orders.write, money]", "[]").replace("arguments.amount", "["))
    assert len(str(refused.value).splitlines()) == 3
