"""Do the shipped models load, and does a bad file or setting say where it is wrong?"""

from pathlib import Path

import pytest
from pydantic import ValidationError

from cost_gate import Rate, RateKind
from llm_gateway.adapters.models_file import ModelsFileError, load_models
from llm_gateway.adapters.provider_client import Provider, UnusableProvider, connect_providers
from llm_gateway.app import caller_rates, provider_rates, providers, stream_application
from llm_gateway.settings import Settings

GOOD = """
providers: {default: {base_url: ""}, other: {base_url: "http://127.0.0.1:1/v1"}}
models: {m: {price: {input: 5, output: 7}, context_tokens_max: 10, output_tokens_max: 5}}
profiles: {fast: [m]}
"""


def test_every_shipped_model_has_a_price_and_every_profile_a_fallback() -> None:
    table = load_models(Settings().models_file).table
    assert set(table.profiles) == {"fast", "balanced", "powerful", "embeddings"}
    assert all(model.price.input > 0 for model in table.models.values())
    assert all(len(names) == 2 for profile, names in table.profiles.items() if profile != "embeddings")


def test_cached_tokens_cost_as_much_as_others_unless_said(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(GOOD)
    price = load_models(path).table.models["m"].price
    assert price is not None and (price.input, price.output, price.cached) == (5, 7, 5)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("fast: [m]", "fast: [x]", "4: profiles.fast: no model 'x'; known: m"),
        ("fast: [m]", "fast: []", "4: profiles.fast: names no model"),
        ("fast: [m]", "fast: {models: [m], fallback: slow}", "4: profiles.fast.fallback: no profile 'slow'"),
        (
            "fast: [m]",
            "a: {models: [m], fallback: b}, b: {models: [m], fallback: a}",
            "goes round in a circle: a → b → a",
        ),
        ("fast: [m]", "fast: [m], fast: [m]", "4: 'fast' is there twice"),
        ("fast: [m]", "m: [m]", "profiles.m: is the name of a model too"),
        ("{m: {price", "{m: {provider: othr, price", "3: models.m.provider: no provider 'othr'; did you mean 'other'?"),
        (
            "price: {input: 5, output: 7}, ",
            "",
            "3: models.m.price: is missing; a model without a price is never called",
        ),
        ("input: 5", "input: -5", "3: models.m.price.input: Input should be greater than or equal to 0 (got '-5')"),
        ("input: 5", "input: 0.5", "3: models.m.price.input"),
        ("output_tokens_max", "output_token_max", "unknown field; did you mean 'output_tokens_max'?"),
        ("models:", "models: [", "cannot be read"),
        ('{base_url: ""}', '{base_url: "api.example.com/v1"}', "providers.default.base_url: must be http(s)://host"),
        ('{base_url: ""}', '{base_url: "https://a:b@example.com/v1"}', "without user and password (got 'https://a:b@"),
    ],
)
def test_a_bad_file_names_the_place(tmp_path: Path, old: str, new: str, text: str) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ModelsFileError, match=r"models\.yaml") as error:
        load_models(path)
    assert text in str(error.value)


def test_an_empty_file_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    with pytest.raises(ModelsFileError, match="cannot be read"):
        load_models(path)
    path.write_text("# nothing\n")
    with pytest.raises(ModelsFileError, match="the file is empty"):
        load_models(path)


def test_a_fallback_profile_adds_its_models_once(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(GOOD.replace("fast: [m]", "fast: {models: [m], fallback: slow}, slow: [m]"))
    assert load_models(path).table.profiles == {"fast": ("m",), "slow": ("m",)}


def test_limits_and_trust_of_a_provider_are_read(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(GOOD.replace('{base_url: ""}', '{base_url: "", requests_per_minute: 60, pii: trusted}'))
    models = load_models(path)
    assert models.table.trusted("fast") and not load_models(Settings().models_file).table.trusted("fast")
    assert provider_rates(models) == {"default": Rate(RateKind.PROVIDER, "default", requests_per_minute=60)}


def test_every_provider_has_its_own_address_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(GOOD)
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    monkeypatch.setenv("LLM_GATEWAY_PROVIDER_API_KEY", "")
    monkeypatch.setenv("LLM_GATEWAY_PROVIDER_API_KEYS", '{"other": "key-2"}')
    settings = Settings(provider_url="http://127.0.0.1:2/v1")
    found = providers(settings, load_models(path))
    assert {(one.name, one.base_url, one.api_key) for one in found} == {
        ("default", "http://127.0.0.1:2/v1", "key-1"),
        ("other", "http://127.0.0.1:1/v1", "key-2"),
    }
    assert "key-" not in repr(settings)
    assert "key-" not in repr(found)


def test_a_key_that_no_header_can_hold_is_refused_without_being_shown() -> None:
    with pytest.raises(UnusableProvider, match="provider 'p': a provider's key holds characters") as error:
        connect_providers([Provider("p", "http://127.0.0.1:1/v1", "sk-1\r\nx: y")])
    assert "sk-1" not in str(error.value)


def test_tenants_and_entities_are_limited_in_requests_tokens_and_calls_at_once() -> None:
    settings = Settings(tenant_requests_per_minute=1, tenant_tokens_per_minute=2, tenant_concurrent_max=3)
    assert caller_rates(settings)("acme", None) == (Rate(RateKind.TENANT, "acme", 1, 2, 3),)
    settings = Settings(entity_requests_per_minute=4, entity_tokens_per_minute=5, entity_concurrent_max=6)
    assert caller_rates(settings)("acme", "u1")[1] == Rate(RateKind.ENTITY, "acme/u1", 4, 5, 6)


def test_a_setting_out_of_range_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="concurrency"):
        Settings(concurrency=0)
    with pytest.raises(ValidationError, match="provider_url"):
        Settings(provider_url="api.openai.com/v1")


def test_the_asyncapi_document_names_what_is_published() -> None:
    document = stream_application(Settings()).schema.to_specification().to_json()
    for name in ("completion.produced", "completion.failed", "budget.exhausted"):
        assert f"hil.evt.{name}.v1.{{tenant}}.{{key}}" in document


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("tenant_requests_per_minute", 10**9),
        ("tenant_tokens_per_minute", 10**9),
        ("tenant_concurrent_max", 10**9),
        ("entity_requests_per_minute", 10**9),
        ("entity_tokens_per_minute", 10**9),
        ("entity_concurrent_max", 10**9),
        ("execution_cap_microdollars", 10**15),
    ],
)
def test_a_limit_that_the_cost_gate_cannot_count_stops_the_start(name: str, limit: int) -> None:
    settings = Settings.model_validate({name: limit})
    assert caller_rates(settings)("acme", "u1")
    with pytest.raises(ValidationError, match=f"{name}\n.* {limit} .*input_value={limit + 1}"):
        Settings.model_validate({name: limit + 1})


@pytest.mark.parametrize(
    ("good", "bad", "text"),
    [
        ('{base_url: ""}', "{requests_per_minute: 1000000001}", "providers.default.requests_per_minute"),
        ('{base_url: ""}', "{tokens_per_minute: 1000000001}", "providers.default.tokens_per_minute"),
        ('{base_url: ""}', "{concurrent_max: 1000000001}", "providers.default.concurrent_max"),
    ],
)
def test_a_limit_of_a_provider_that_cannot_be_counted_is_refused(
    tmp_path: Path, good: str, *, bad: str, text: str
) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(GOOD.replace(good, bad))
    with pytest.raises(ModelsFileError, match=f"{text}: .*1000000000 .got '1000000001'"):
        load_models(path)
