"""How often may somebody fail to log in?"""

import ipaddress

from hil_inbox.domain.tokens import hash_of

WINDOW_MS = 15 * 60_000
FAILURES_OF_ADDRESS_MAX = 20
FAILURES_OF_ACCOUNT_MAX = 10
UNKNOWN = "unknown"


def address_counter(address: str) -> str:
    """Name of the counter of an address. Who has one address of IPv6 has a /64 of them."""
    return f"address:{_network(address)}"


def account_counter(account: str) -> str:
    """Name of the counter of an account, which may not exist: whatever somebody typed has one length here."""
    return f"account:{hash_of(account.strip().lower())[:32]}"


def failures_max(counter: str) -> int:
    """How many failures a counter takes within the window."""
    return FAILURES_OF_ACCOUNT_MAX if counter.startswith("account:") else FAILURES_OF_ADDRESS_MAX


def client_address(peer: str, forwarded_for: str, proxies: tuple[str, ...]) -> str:
    """Who asks: the peer, or, where the peer is a proxy of ours, the last address that is none in what it says."""
    networks = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
    hops = [peer, *reversed([hop.strip() for hop in forwarded_for.split(",") if hop.strip()][-20:])]
    for hop in hops:
        found = _parsed(hop)
        if found is None:
            return UNKNOWN
        if not any(found.version == network.version and found in network for network in networks):
            return str(found)
    return str(_parsed(hops[-1]))


def _network(address: str) -> str:
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return UNKNOWN if found is None else str(found)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.split("%", maxsplit=1)[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return found if mapped is None else mapped
