"""Where may a browser go on to after a login?"""

import re

_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9_.~/?#&=%:@+,;-]{0,500}\Z")


def safe_next(path: str) -> str:
    """The path if it lies in this service, else the front page: a login link must not lead elsewhere."""
    return path if _PATH.match(path) and not path.startswith(("/login", "/auth/")) else "/"
