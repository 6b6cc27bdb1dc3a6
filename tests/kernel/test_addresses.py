"""Which addresses are refused: the corpus of what attackers write."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.kernel.addresses import is_public

INSIDE = [
    *("127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "::", "0.1.2.3"),  # noqa: S104 - nothing binds here
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"),
    *("169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1"),
    *("224.0.0.1", "239.255.255.255", "ff02::1", "255.255.255.255", "240.0.0.1"),
    *("100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "2002:7f00:1::", "2001:0:53aa:64c:0:0:0:1", "2001:db8::1"),
    *("64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1"),
    *("", "localhost", "2130706433", "127.1", "1.2.3.4.5", "0x7f.0.0.1"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_the_public_internet_is_allowed(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_ipv4_inside_ipv6_is_never_a_way_around(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    assert not is_public(str(ipaddress.IPv6Address((0xFFFF << 32) + number)))
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) + (number << 80))))
    assert is_public(str(ipaddress.IPv6Address((0x64FF9B << 96) + number))) == is_public(str(address))
