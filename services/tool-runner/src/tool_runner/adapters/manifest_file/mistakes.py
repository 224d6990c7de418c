"""What is wrong with a manifest whose parts are right one by one?"""

from collections.abc import Iterable, Iterator

from tool_runner.adapters.manifest_file.check_words import problem_of_expression
from tool_runner.adapters.manifest_file.document import ApprovalEntry, GrantEntry, ManifestDocument
from tool_runner.adapters.manifest_file.server_mistakes import server_mistakes
from tool_runner.adapters.manifest_file.tool_entry import RulesEntry
from tool_runner.adapters.manifest_file.yaml_lines import Place, hint

Mistake = tuple[Place, str]


def mistakes_of(document: ManifestDocument) -> list[Mistake]:
    """Where, and what."""
    return [
        *_twice("servers", [server.name for server in document.servers]),
        *_twice("grants", [grant.name for grant in document.grants]),
        *(found for name in document.approvals for found in _of_approval(document, name)),
        *(found for index, grant in enumerate(document.grants) for found in _of_grant(document, grant, index)),
        *_of_servers(document),
    ]


def _twice(part: str, names: list[str]) -> Iterator[Mistake]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (part, index, "name"), f"{name!r} is there twice; choose another name"


def _of_approval(document: ManifestDocument, name: str) -> Iterator[Mistake]:
    place: Place = ("approvals", name)
    policy = document.approvals[name]
    yield from _of_expressions((*place, "when"), [] if policy.when is None else [policy.when])
    yield from _unknown((*place, "includes"), "approval", policy.includes, document.approvals)
    if circle := _circle(document.approvals, name):
        yield (*place, "includes"), f"goes round in a circle: {' → '.join(circle)}; take one of them out"


def _circle(policies: dict[str, ApprovalEntry], start: str) -> list[str] | None:
    """A way from a policy back to itself."""
    ways, seen = [[start]], set[str]()
    while ways:
        way = ways.pop()
        policy = policies.get(way[-1])
        for name in policy.includes if policy is not None else ():
            if name == start:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None


def _of_grant(document: ManifestDocument, grant: GrantEntry, index: int) -> Iterator[Mistake]:
    place: Place = ("grants", index)
    yield from _unknown((*place, "permissions"), "permission", grant.permissions, document.permissions)
    yield from _of_expressions((*place, "when"), grant.when)
    servers = [server.name for server in document.servers]
    for pattern in grant.tools:
        server = pattern.partition(".")[0]
        if not set("*?[").intersection(server) and server not in servers:
            yield (*place, "tools"), f"{pattern!r} names no server{hint(server, servers)}"


def _of_servers(document: ManifestDocument) -> Iterator[Mistake]:
    for index, server in enumerate(document.servers):
        place: Place = ("servers", index)
        yield from ((place + inside, text) for inside, text in server_mistakes(server))
        rules: list[tuple[Place, RulesEntry]] = [((*place, "defaults"), server.defaults)]
        rules += [((*place, "tools", name), tool) for name, tool in server.tools.items()]
        for at, one in rules:
            yield from _unknown(
                (*at, "permissions_required"), "permission", one.permissions_required or (), document.permissions
            )
            apps = [] if one.authentication_required is None else [one.authentication_required]
            yield from _unknown((*at, "authentication_required"), "app", apps, document.apps)
            yield from _unknown((*at, "approvals"), "approval", one.approvals or (), document.approvals)


def _unknown(place: Place, kind: str, names: Iterable[str], known: Iterable[str]) -> Iterator[Mistake]:
    """Names that are declared nowhere."""
    for name in names:
        if name not in known:
            yield place, f"no {kind} {name!r} is declared in {kind}s{hint(name, known)}"


def _of_expressions(place: Place, expressions: Iterable[str]) -> Iterator[Mistake]:
    for text in expressions:
        if problem := problem_of_expression(text):
            yield place, f"{problem} (got {text[:80]!r})"
