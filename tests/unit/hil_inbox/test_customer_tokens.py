"""Which keys check the tokens of customers?"""

from pathlib import Path

import pytest
from joserfc.jwk import ECKey, RSAKey
from pydantic import SecretStr
from tests.support.chat_kit import CUSTOMER_KEY
from tests.support.customer_tokens import of_customer, signed_by, signed_with_the_public_key

from hil_inbox.adapters.customer_tokens import CustomerTokens, TokenRefused, public_key
from hil_inbox.adapters.yaml_lines import FileUnusable


def tokens(**keys: RSAKey) -> CustomerTokens:
    return CustomerTokens(SecretStr("s" * 32), ["acme"], 600, lambda: "drawn", **keys)


def test_where_only_a_public_key_is_set_its_text_is_no_secret() -> None:
    known = tokens(customer_public_key=RSAKey.import_key(CUSTOMER_KEY.as_pem(private=False)))
    assert known.known(signed_by(CUSTOMER_KEY, **of_customer()), now_s=0).entity == "customer-7"
    with pytest.raises(TokenRefused, match="algorithm"):
        known.known(signed_with_the_public_key(**of_customer()), now_s=0)


def test_without_a_public_key_no_rs256_is_believed() -> None:
    with pytest.raises(TokenRefused, match="algorithm"):
        tokens().known(signed_by(CUSTOMER_KEY, **of_customer()), now_s=0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no key", "is no RSA key in PEM"),
        (ECKey.generate_key("P-256").as_pem(private=False), "is no RSA key in PEM"),
        (CUSTOMER_KEY.as_pem(private=True), "is a private key"),
    ],
)
def test_a_file_without_a_public_key_stops_the_start(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(FileUnusable, match=f"HIL_INBOX_CHAT_CUSTOMER_PUBLIC_KEY_FILE .*key.pem: {said}"):
        public_key(file)
