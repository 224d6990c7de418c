"""What is in the file of models, prices and profiles?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from llm_gateway.domain.models import Model, ModelTable, Price


class ModelsFileError(Exception):
    """The file cannot be used; the text names the file, the field and the value."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Price(_Part):
    input: int = Field(ge=0)
    output: int = Field(ge=0)
    cached: int | None = Field(None, ge=0)


class _Model(_Part):
    provider: str = "default"
    price: _Price | None = None
    context_tokens_max: int = Field(ge=1)
    output_tokens_max: int = Field(ge=1)


class _Provider(_Part):
    base_url: str = ""


class _File(_Part):
    providers: dict[str, _Provider]
    models: dict[str, _Model]
    profiles: dict[str, list[str]]

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for name, model in self.models.items():
            if model.provider not in self.providers:
                raise ValueError(f"models.{name}.provider: no provider {model.provider!r}")
        for profile, names in self.profiles.items():
            if not names:
                raise ValueError(f"profiles.{profile}: names no model")
            if unknown := [name for name in names if name not in self.models]:
                raise ValueError(f"profiles.{profile}: no models {', '.join(unknown)}")
        return self


@dataclass(frozen=True, slots=True)
class ModelsFile:
    """`base_urls` by provider; empty where the settings say it."""

    table: ModelTable
    base_urls: Mapping[str, str]


def load_models(path: Path) -> ModelsFile:
    """Read the file; raises ModelsFileError."""
    try:
        file = _File.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelsFileError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, found['loc'])) or 'file'}: {found['msg']}" for found in error.errors()]
        raise ModelsFileError("\n".join(lines)) from error
    models = {name: _model(name, model) for name, model in file.models.items()}
    profiles = {name: tuple(names) for name, names in file.profiles.items()}
    return ModelsFile(ModelTable(models, profiles), {name: one.base_url for name, one in file.providers.items()})


def _model(name: str, model: _Model) -> Model:
    price = None if model.price is None else _price(model.price)
    return Model(name, model.provider, price, model.context_tokens_max, model.output_tokens_max)


def _price(price: _Price) -> Price:
    cached = price.input if price.cached is None else price.cached
    return Price(input=price.input, output=price.output, cached=cached)
