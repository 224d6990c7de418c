"""From which address does a request come, and which network stands for it?"""

import ipaddress

UNKNOWN = "unknown"


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


def network_of(address: str) -> str:
    """Under which failures of an address are counted: who has one address of IPv6 has a /64 of them."""
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
