"""Which tokens would customers, and strangers, bring?"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.support.chat_kit import CUSTOMER_KEY

Claims = dict[str, Any]


def signed(secret: str, **claims: object) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


def signed_by(key: RSAKey, **claims: object) -> str:
    return jwt.encode({"alg": "RS256"}, claims, key)


def signed_with_the_public_key(**claims: object) -> str:
    """As if what everybody may know were the secret."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.digest(CUSTOMER_KEY.as_pem(private=False), text, hashlib.sha256)
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def of_customer(**claims: object) -> Claims:
    return {"sub": "customer-7", "tenant": "acme", "aud": "hil-chat", "exp": int(time.time()) + 3_600, **claims}


def of_session(key: str, **claims: object) -> Claims:
    return {"tenant": "acme", "key": key, "aud": "hil-chat-session", "exp": int(time.time()) + 3_600, **claims}


def unsigned(claims: Claims) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
