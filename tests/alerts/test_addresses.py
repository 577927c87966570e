"""Which addresses may be called, by who wrote them and what the operator allows besides."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.addresses import AddressRefused, PrivateAddressRefused, ensure_callable, read_networks

LOOPBACK = read_networks(["127.0.0.0/8", "::1"])


def refused(address: str, *, private_allowed: bool = False, allowed: tuple[str, ...] = ()) -> bool:
    try:
        ensure_callable(address, private_allowed=private_allowed, allowed=read_networks(allowed))
    except AddressRefused:
        return True
    return False


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("127.0.0.1", "127.0.0.0/8"),
        ("::ffff:127.0.0.1", "127.0.0.0/8"),
        ("64:ff9b::7f00:1", "127.0.0.0/8"),
        ("::1", "::1"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("fd12::1", "fd00::/8"),
        ("198.18.0.7", "198.18.0.0/15"),
    ],
)
def test_a_private_address_is_called_when_its_network_is_named_and_only_then(address: str, network: str) -> None:
    assert refused(address)
    assert not refused(address, allowed=(network,))
    assert not refused(address, private_allowed=True)
    assert refused(address, allowed=("172.16.0.0/12",))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1%eth0", "224.0.0.1", "0.0.0.0", "::", "::ffff:169.254.169.254"]
)
def test_no_network_opens_the_way_to_metadata_services_and_nowhere(address: str) -> None:
    everything = ("0.0.0.0/0", "::/0")
    assert refused(address, private_allowed=True, allowed=everything)


def test_what_the_operator_could_allow_is_told_apart_from_what_nobody_can() -> None:
    with pytest.raises(PrivateAddressRefused):
        ensure_callable("10.0.0.1", private_allowed=False)
    with pytest.raises(AddressRefused) as caught:
        ensure_callable("169.254.169.254", private_allowed=False)
    assert not isinstance(caught.value, PrivateAddressRefused)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "example.com", "", "10.0.0.0/8 10.1.0.0/16", "fe80::/200", "x" * 500])
def test_a_network_that_is_none_is_named_in_the_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no network") as caught:
        read_networks(["10.0.0.0/8", text])
    assert len(str(caught.value)) < 200


def test_networks_are_read_as_people_write_them() -> None:
    assert read_networks([" 10.0.0.1/8 ", "192.168.1.7"]) == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("192.168.1.7/32"),
    )


@given(st.ip_addresses(), st.booleans())
def test_every_address_is_called_or_refused_and_a_network_around_it_never_closes(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, private_allowed: bool
) -> None:
    text = str(address)
    if not refused(text, private_allowed=private_allowed):
        assert not refused(text, private_allowed=private_allowed, allowed=(text,))
        assert not refused(text, private_allowed=True)


@given(st.text())
def test_no_text_does_anything_but_be_called_or_refused(text: str) -> None:
    assert refused(text, private_allowed=True) in {True, False}
