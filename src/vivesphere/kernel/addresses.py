"""Which network addresses belong to the public internet."""

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network, RFC 791
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "::ffff:0:0/96",  # IPv4-mapped, RFC 4291
        "64:ff9b:1::/48",  # local-use NAT64, RFC 8215
        "2001::/23",  # protocol assignments with Teredo, RFC 2928
        "2002::/16",  # 6to4, RFC 3056
        "fec0::/10",  # site-local, RFC 3879
    )
)


def is_public(address: str) -> bool:
    """False for what is private, loopback, link-local, multicast, reserved, or no address at all.

    An IPv6 address that carries an IPv4 one inside is refused, except behind NAT64 (RFC 6052), where it is judged by that one.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)))
    if found.is_multicast or found.is_reserved or not found.is_global:
        return False
    return not any(found in network for network in _NEVER)
