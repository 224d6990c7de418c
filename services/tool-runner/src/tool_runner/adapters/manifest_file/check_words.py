"""Is a JMESPath expression, a JSON Schema or an address of the manifest of use?"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import JsonValue

from json_schema import SchemaUnusable, bounded_schema


def problem_of_expression(text: str) -> str | None:
    """What is wrong with a JMESPath expression, functions that do not exist among it."""
    try:
        parsed = jmespath.compile(text).parsed
        unknown = [name for name in _functions(parsed) if name not in Functions.FUNCTION_TABLE]
    except JMESPathError as error:
        return f"not a JMESPath expression: {str(error).splitlines()[0]}"
    except RecursionError:
        return "nested too deep to be evaluated"
    return f"JMESPath has no function {unknown[0]!r}" if unknown else None


def _functions(node: Any) -> Iterator[str]:
    if node["type"] == "function_expression":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _functions(child)


def problem_of_schema(schema: Mapping[str, JsonValue]) -> str | None:
    """What is wrong with a JSON Schema. Nothing is fetched and no file is read for a `$ref`."""
    try:
        bounded_schema(schema)
    except SchemaUnusable as error:
        return f"not a JSON Schema (Draft 2020-12) that can be used: {str(error).splitlines()[0][:300]}"
    return None


def problem_of_url(url: str, *, plain_http: bool) -> str | None:
    """What is wrong with the address of a server."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or not url.isprintable():
        return "must be http(s)://host[:port]/path"
    if parts.username is not None or parts.password is not None or parts.fragment or " " in url:
        return "must be without user, password, spaces and #fragment"
    if parts.scheme == "http" and not plain_http and not is_loopback(host):
        return "http sends everything in the clear; use https, or say plain_http: true"
    return None


def is_loopback(host: str) -> bool:
    """This machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
