"""Which models, providers and profiles does the models file name, and is it right?"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cost_gate import LIMIT_MAX
from llm_gateway.domain.count_tokens import KNOWN_ENCODINGS
from llm_gateway.domain.models import (
    URL_PATTERN,
    Capability,
    Model,
    ModelKind,
    ModelTable,
    Price,
    ProviderSettings,
)

_MODELS_MAX, _PROFILES_MAX, _BYTES_MAX = 500, 200, 1_000_000
# Ten thousand dollars a million tokens, a hundred million tokens: their product is an amount that the gate can count.
_PRICE_MAX, _TOKENS_MAX = 10**10, 10**8


class ModelsFileError(Exception):
    """The file cannot be used; the text names file, line, field, value and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Price(_Part):
    """Integer micro-dollars per million tokens."""

    input: int = Field(ge=0, le=_PRICE_MAX)
    output: int = Field(ge=0, le=_PRICE_MAX)
    cached: int | None = Field(None, ge=0, le=_PRICE_MAX, description="Of cached input; as `input` if unset.")


class _Model(_Part):
    provider: str = "default"
    upstream_name: str = Field("", description="What the provider calls it; its name here if unset.")
    kind: ModelKind = ModelKind.CHAT
    price: _Price = Field(description="Without a price no cap is hard, so that a model without one is refused.")
    encoding: Literal["o200k_base", "cl100k_base"] | None = Field(None, description="Its vocabulary, where known.")
    context_tokens_max: int = Field(ge=1, le=_TOKENS_MAX)
    output_tokens_max: int = Field(ge=1, le=_TOKENS_MAX)
    capabilities: frozenset[Capability] = frozenset(Capability)
    slow_seconds: float = Field(30.0, gt=0, description="An answer after this counts as slow for its breaker.")


class _Provider(_Part):
    base_url: str = Field("", pattern=f"^({URL_PATTERN})?$", description="Empty: LLM_GATEWAY_PROVIDER_URL.")
    requests_per_minute: int | None = Field(None, ge=1, le=LIMIT_MAX)
    tokens_per_minute: int | None = Field(None, ge=1, le=LIMIT_MAX)
    concurrent_max: int | None = Field(None, ge=1, le=LIMIT_MAX)
    pii: Literal["mask", "trusted"] = Field("mask", description="trusted: it gets personal data unmasked.")


class _Profile(_Part):
    models: list[str] = Field(min_length=1)
    fallback: str | None = Field(None, description="A profile whose models are tried after these.")


class ModelsDocument(_Part):
    """The models file. Its JSON Schema is published beside it."""

    providers: dict[str, _Provider]
    models: dict[str, _Model]
    profiles: dict[str, list[str] | _Profile]


@dataclass(frozen=True, slots=True)
class ModelsFile:
    """`base_urls` by provider; empty where the settings say it."""

    table: ModelTable
    base_urls: Mapping[str, str]


def load_models(path: Path, *, trusted: frozenset[str] = frozenset()) -> ModelsFile:
    """Read the file; raises ModelsFileError with every mistake in it. Providers named in `trusted` may see personal
    data, whatever it says."""
    node, values = _read(path)
    try:
        document = ModelsDocument.model_validate(values)
    except ValidationError as error:
        raise ModelsFileError("\n".join(_line(path, node, found) for found in error.errors())) from error
    mistakes = [f"{path}:{_line_of(node, place)}: {text}" for place, text in _mistakes(document)]
    if mistakes:
        raise ModelsFileError("\n".join(mistakes))
    providers = {name: _provider(name, one, trusted) for name, one in document.providers.items()}
    models = {name: _model(name, model) for name, model in document.models.items()}
    profiles = {name: tuple(_models_of(document, name)) for name in document.profiles}
    table = ModelTable(models, profiles, providers)
    return ModelsFile(table, {name: one.base_url for name, one in document.providers.items()})


def _read(path: Path) -> tuple[yaml.Node, Any]:
    try:
        text = path.read_text("utf-8")
        if len(text) > _BYTES_MAX:
            raise ModelsFileError(f"{path}: {len(text)} characters are over the limit of {_BYTES_MAX}")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise ModelsFileError(f"{path}:1: the file is empty; it needs providers, models and profiles")
        _refuse_repeated(path, node)
        return node, yaml.safe_load(text)
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ModelsFileError(f"{path}: cannot be read: {error}") from error


def _refuse_repeated(path: Path, node: yaml.Node) -> None:
    """YAML would let the last of two equal keys win in silence."""
    children = [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else []
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if names.count(key.value) > 1:
                raise ModelsFileError(f"{path}:{key.start_mark.line + 1}: {key.value!r} is there twice")
    for child in children:
        _refuse_repeated(path, child)


def _line(path: Path, node: yaml.Node, found: Any) -> str:
    place = tuple(str(part) for part in found["loc"])
    text = found["msg"]
    if place[-1] == "base_url":
        text = "must be http(s)://host[:port]/path, without user and password"
    if found["type"] == "extra_forbidden":
        text = f"unknown field{_hint(place[-1], _FIELDS)}"
    elif found["type"] == "missing":
        text = "is missing; " + ("a model without a price is never called" if place[-1] == "price" else "add it")
    else:
        text = f"{text} (got {str(found['input'])[:80]!r})"
    return f"{path}:{_line_of(node, place)}: {'.'.join(place)}: {text}"


def _line_of(node: yaml.Node, place: tuple[str, ...]) -> int:
    """The line of a field, or of the innermost part around it that exists."""
    line = int(node.start_mark.line) + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                return line
            line, node = int(found[0].start_mark.line) + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = int(node.start_mark.line) + 1
    return line


_FIELDS = tuple({name for part in (_Price, _Model, _Provider, _Profile, ModelsDocument) for name in part.model_fields})


def _hint(name: str, known: "tuple[str, ...] | list[str]") -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known)[:20]) or 'none'}"


def _mistakes(document: ModelsDocument) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong between the parts: (place, text)."""
    found: list[tuple[tuple[str, ...], str]] = []
    if len(document.models) > _MODELS_MAX or len(document.profiles) > _PROFILES_MAX:
        found.append(((), f"more than {_MODELS_MAX} models or {_PROFILES_MAX} profiles"))
    for name, model in document.models.items():
        if model.provider not in document.providers:
            hint = _hint(model.provider, list(document.providers))
            found.append(
                (("models", name, "provider"), f"models.{name}.provider: no provider {model.provider!r}{hint}")
            )
        if name in document.profiles:
            found.append((("profiles", name), f"profiles.{name}: is the name of a model too; choose another"))
    for name, profile in document.profiles.items():
        found += _profile_mistakes(document, name, profile)
    return found


def _profile_mistakes(
    document: ModelsDocument, name: str, profile: list[str] | _Profile
) -> list[tuple[tuple[str, ...], str]]:
    place, where = ("profiles", name), f"profiles.{name}"
    found: list[tuple[tuple[str, ...], str]] = []
    if not _own_models(profile):
        found.append((place, f"{where}: names no model; name at least one"))
    for model in _own_models(profile):
        if model not in document.models:
            found.append((place, f"{where}: no model {model!r}{_hint(model, list(document.models))}"))
    fallback, seen = _fallback(profile), [name]
    while fallback is not None:
        if fallback not in document.profiles:
            found.append(
                (place, f"{where}.fallback: no profile {fallback!r}{_hint(fallback, list(document.profiles))}")
            )
            break
        if fallback in seen:
            found.append((place, f"{where}.fallback: goes round in a circle: {' → '.join([*seen, fallback])}"))
            break
        seen.append(fallback)
        fallback = _fallback(document.profiles[fallback])
    return found


def _own_models(profile: list[str] | _Profile) -> list[str]:
    return profile if isinstance(profile, list) else profile.models


def _fallback(profile: list[str] | _Profile) -> str | None:
    return None if isinstance(profile, list) else profile.fallback


def _models_of(document: ModelsDocument, name: str | None) -> list[str]:
    """Its own models, then those of its fallbacks, each once."""
    models: list[str] = []
    while name is not None:
        profile = document.profiles[name]
        models += [model for model in _own_models(profile) if model not in models]
        name = _fallback(profile)
    return models


def _provider(name: str, one: _Provider, trusted: frozenset[str]) -> ProviderSettings:
    return ProviderSettings(
        name=name,
        base_url=one.base_url,
        requests_per_minute=one.requests_per_minute,
        tokens_per_minute=one.tokens_per_minute,
        concurrent_max=one.concurrent_max,
        trusted_with_pii=one.pii == "trusted" or name in trusted,
    )


def _model(name: str, model: _Model) -> Model:
    assert model.encoding is None or model.encoding in KNOWN_ENCODINGS
    price = model.price
    return Model(
        name=name,
        provider=model.provider,
        price=Price(
            input=price.input, output=price.output, cached=price.input if price.cached is None else price.cached
        ),
        context_tokens_max=model.context_tokens_max,
        output_tokens_max=model.output_tokens_max,
        upstream_name=model.upstream_name,
        encoding=model.encoding,
        capabilities=model.capabilities,
        kind=model.kind,
        slow_seconds=model.slow_seconds,
    )
