"""Which models are there, what do they cost and can they do, and which profiles choose among them?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

URL_PATTERN = r"https?://[^\s/@?#]+(/[!-~]*)?"
"""Where a provider is: host and path, without user and password."""


class Capability(StrEnum):
    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    VISION = "vision"


ALL_CAPABILITIES = frozenset(Capability)


class ModelKind(StrEnum):
    CHAT = "chat"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars per million tokens."""

    input: int
    output: int
    cached: int


@dataclass(frozen=True, slots=True)
class Model:
    """`upstream_name` is what its provider calls it. `encoding` names its vocabulary where it is known, so that tokens
    are counted, not estimated. An answer after `slow_seconds` counts as slow for its breaker."""

    name: str
    provider: str
    price: Price
    context_tokens_max: int
    output_tokens_max: int
    upstream_name: str = ""
    encoding: str | None = None
    capabilities: frozenset[Capability] = ALL_CAPABILITIES
    kind: ModelKind = ModelKind.CHAT
    slow_seconds: float = 30.0

    @property
    def asked_as(self) -> str:
        """What to call it upstream."""
        return self.upstream_name or self.name


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """`base_url` empty: where the settings say. Limits are those of its key. A provider that is trusted with personal
    data gets it unmasked: one that runs in the house."""

    name: str
    base_url: str = ""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_max: int | None = None
    trusted_with_pii: bool = False


@dataclass(frozen=True, slots=True)
class ModelTable:
    """`profiles` names models in the order in which they are tried, those of fallback profiles after them."""

    models: Mapping[str, Model]
    profiles: Mapping[str, tuple[str, ...]]
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)

    def candidates_of(self, profile: str) -> tuple[Model, ...] | None:
        """The models of a profile; the name of a model means that model alone. None: there is neither."""
        if profile in self.profiles:
            return tuple(self.models[name] for name in self.profiles[profile])
        return (self.models[profile],) if profile in self.models else None

    def encoding_of(self, profile: str) -> str | None:
        """The vocabulary of the first model of a profile: what tokens are counted with."""
        candidates = self.candidates_of(profile)
        return candidates[0].encoding if candidates else None

    def trusted(self, profile: str) -> bool:
        """Whether every provider that a profile may lead to may see personal data."""
        providers = [self.providers.get(model.provider) for model in self.candidates_of(profile) or ()]
        return bool(providers) and all(one is not None and one.trusted_with_pii for one in providers)
