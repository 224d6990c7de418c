"""How often may somebody fail to log in?"""

from http_gate.client_address import network_of
from http_gate.secret_text import hash_of

WINDOW_MS = 15 * 60_000
FAILURES_OF_ADDRESS_MAX = 20
FAILURES_OF_ACCOUNT_MAX = 10


def address_counter(address: str) -> str:
    """Name of the counter of an address."""
    return f"address:{network_of(address)}"


def account_counter(account: str) -> str:
    """Name of the counter of an account, which may not exist: whatever somebody typed has one length here."""
    return f"account:{hash_of(account.strip().lower())[:32]}"


def failures_max(counter: str) -> int:
    """How many failures a counter takes within the window."""
    return FAILURES_OF_ACCOUNT_MAX if counter.startswith("account:") else FAILURES_OF_ADDRESS_MAX
