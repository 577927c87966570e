"""Where a webhook may lead. Addresses are literal: no test asks a name server."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.addresses import AddressRefused
from alerts.outbound import Target, resolve

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.16689662",
    "0251.254.0xa9.254",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[::a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2002:a9fe:a9fe::1]",
    "[2002:6464:64c8::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::a9fe:a9fe]",
    "[::ffff:100.100.100.200]",
    "[::ffff:168.63.129.16]",
]
NOWHERE = [
    "0.0.0.0",
    "0",
    "0.1.2.3",
    "255.255.255.255",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "4294967295",
    "[ff02::1]",
    "[::ffff:0.0.0.0]",
    "[::ffff:224.0.0.1]",
    "[2002:e000:1::]",
]
PRIVATE = [
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "localhost",
    "LOCALHOST",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.168.257",
    "3232235777",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::c0a8:101]",
    "[2002:7f00:1::]",
    "[2002:c0a8:101::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fec0::1]",
    "[2001:db8::1]",
    "[2001::1]",
    "[100::1]",
    "[3fff::1]",
    "[5f00::1]",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "172.15.0.1", "11.0.0.1", "126.0.0.1", "128.0.0.1", "192.169.0.1"]
PUBLIC_6 = ["[2606:4700:4700::1111]", "[2a00:1450::1]", "[64:ff9b::808:808]", "[2002:808:808::1]"]


@pytest.fixture(autouse=True, scope="module")
def _no_name_server() -> Iterator[None]:
    """Literal addresses and this machine's own name are all that resolves."""
    resolver = socket.getaddrinfo

    def literal(host: Any, *arguments: Any, **options: Any) -> Any:
        flags = 0 if str(host).lower() == "localhost" else socket.AI_NUMERICHOST
        return resolver(host, *arguments, **{**options, "flags": flags})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", literal)
        yield


def refused(url: str, *, private_allowed: bool) -> bool:
    """By us, or by the resolver of the system because it is no address."""
    try:
        resolve(url, private_allowed=private_allowed)
    except (AddressRefused, OSError, UnicodeError):
        return True
    return False


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", METADATA + NOWHERE)
def test_metadata_services_and_nowhere_are_never_reached_whoever_wrote_the_address(host: str, scheme: str) -> None:
    assert refused(f"{scheme}://{host}/x", private_allowed=True)
    assert refused(f"{scheme}://{host}:8080/x", private_allowed=False)


@pytest.mark.parametrize("host", PRIVATE)
def test_this_machine_and_network_are_refused_to_strangers(host: str) -> None:
    assert refused(f"http://{host}/x", private_allowed=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "127.1", "[::1]", "[fd12:3456::1]"]
)
def test_an_operator_may_name_this_machine_and_network(host: str) -> None:
    assert not refused(f"http://{host}:3000/hook", private_allowed=True)


@pytest.mark.parametrize("host", PUBLIC + PUBLIC_6)
def test_public_addresses_are_reached(host: str) -> None:
    assert not refused(f"https://{host}/x", private_allowed=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "x",
        "http://",
        "http:///x",
        "http:x",
        "//1.1.1.1/x",
        "1.1.1.1",
        "ftp://1.1.1.1/x",
        "file:///etc/passwd",
        "gopher://1.1.1.1/x",
        "javascript:alert(1)",
        "unix:///var/run/docker.sock",
        "http://user@1.1.1.1/x",
        "http://user:password@1.1.1.1/x",
        "http://:password@1.1.1.1/x",
        "http://1.1.1.1@127.0.0.1/x",
        "http://1.1.1.1\\@127.0.0.1/x",
        "http://127.0.0.1\\@1.1.1.1/x",
        "http://1.1.1.1:80@127.0.0.1/x",
        "http://1.1.1.1%40127.0.0.1/x",
        "http://127.0.0.1%00.example/x",
        "http://127.0.0.1\x00.example/x",
        "http://127.0.0.1#@1.1.1.1/",
        "http://127.0.0.1?@1.1.1.1/",
        "http://127。0。0。1/x",
        "http://①②⑦.⓪.⓪.①/x",
        "http:/\\127.0.0.1/x",
        "http://[::1/x",
        "http://[::1%25lo]/x",
        "http://[fe80::1%25eth0]/x",
        "http://[v1.x]/x",
        "http://1.1.1.1:99999/x",
        "http://1.1.1.1:-1/x",
        "http://1.1.1.1:port/x",
        "http://" + "a" * 300 + "/x",
        "http://a..b/x",
        "http://.../x",
        "\n\thttp://127.0.0.1/x",
        "http://127.0.0.1\n/x",
        "http://127.0.\t0.1/x",
    ],
    ids=repr,
)
def test_hostile_spellings_lead_nowhere(url: str) -> None:
    assert refused(url, private_allowed=False)


def test_a_zero_port_is_refused_or_the_schemes_own() -> None:
    assert refused("http://127.0.0.1:0/x", private_allowed=False)


_hosts = st.text() | st.ip_addresses().map(str) | st.from_regex(r"[0-9a-fx.:%\[\]@\\]{1,20}", fullmatch=True)


@given(st.text() | _hosts.map("http://{}/x".format) | _hosts.map("https://[{}]:443/x".format))
@settings(deadline=None, max_examples=300)
def test_no_text_does_anything_but_lead_to_an_address_or_be_refused(url: str) -> None:
    assert refused(url, private_allowed=True) in {True, False}


def test_the_address_that_was_checked_is_the_one_to_connect_to() -> None:
    assert resolve("https://0x7f000001:8443/x", private_allowed=True) == Target(ip="127.0.0.1", host="0x7f000001")


def test_a_name_with_one_bad_address_among_good_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 443)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::ffff:169.254.169.254", 443, 0, 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    assert refused("https://rebinding.example/x", private_allowed=True)


def test_a_refusal_never_tells_the_address() -> None:
    with pytest.raises(AddressRefused) as caught:
        resolve("http://user:hidden@10.0.0.1/hidden", private_allowed=False)
    assert "hidden" not in str(caught.value)
