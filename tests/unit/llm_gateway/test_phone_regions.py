"""Are telephone numbers of the countries that an operator names masked before they leave?"""

import pytest
from pydantic import ValidationError

from llm_gateway.domain.failure import Failure
from llm_gateway.handlers.masking import mask_body
from llm_gateway.settings import Settings
from pii import regions_from


def sent(text: str, settings: Settings) -> str:
    body = {"messages": [{"role": "user", "content": text}]}
    masked = mask_body(body, secret=b"s", partition="p", regions=regions_from(settings.phone_regions))
    assert not isinstance(masked, Failure)
    return str(masked.body)


def test_national_numbers_stay_where_their_country_is_not_named() -> None:
    assert "030 901820" in sent("030 901820 or 415-555-2671", Settings())
    assert "415-555-2671" not in sent("030 901820 or 415-555-2671", Settings())


def test_national_numbers_are_masked_where_their_country_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_GATEWAY_PHONE_REGIONS", "us, de")
    text = sent("030 901820 or 415-555-2671", Settings())
    assert "030 901820" not in text and "415-555-2671" not in text


def test_a_country_that_does_not_exist_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_GATEWAY_PHONE_REGIONS", "US,UK")
    with pytest.raises(ValidationError, match=r"phone_regions\n.*'UK' is no region"):
        Settings()
