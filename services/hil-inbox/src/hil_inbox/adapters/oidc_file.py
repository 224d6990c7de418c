"""Which identity provider does the file name?"""

from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import ValidationError

from hil_inbox.domain.oidc import Provider

FILE_BYTES_MAX = 100_000
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class OidcFileError(Exception):
    """The file cannot be used; the text names file and field."""


def load_provider(path: Path) -> Provider:
    """Read the file; raises OidcFileError, which stops the start."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise OidcFileError(f"{path}: {path.stat().st_size} bytes are over the limit of {FILE_BYTES_MAX}")
        provider = Provider.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise OidcFileError(f"{path}: cannot be read: {type(error).__name__}") from error
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)]
        raise OidcFileError("; ".join(lines)) from error
    if (provider.tenant.value is None) == (provider.tenant.claim is None):
        raise OidcFileError(f"{path}: tenant: must have either `value` or `claim` with `values`")
    where = urlsplit(provider.issuer)
    if where.scheme != "https" and where.hostname not in LOOPBACK:
        raise OidcFileError(f"{path}: issuer: must begin with https://, except on this machine")
    if "openid" not in provider.scopes:
        raise OidcFileError(f"{path}: scopes: must hold openid")
    return provider
