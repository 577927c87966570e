"""Where requests to upstreams go: every spelling of a forbidden address, and names that lead to one (SSRF)."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alerts.addresses import read_networks
from proxy import connections
from proxy.core.errors import AddressNotAllowed, ConnectionFailed, UpstreamError
from proxy.upstream import Upstream
from tests.alerts.test_outbound import METADATA, NOWHERE, PRIVATE
from tests.fakes.wire import Peer, Wire, answer
from tests.proxy.destination import OPERATORS, SOMEBODYS, Deployed, completed, in_loop

HOSTILE = [
    "127.0.0.1.",
    "127.0.0.1%00.example",
    "127.0.0.1%2eexample",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "0x7F.0.0.0x1",
    "0177.0.0.01",
    "0000127.0.0.1",
    "%31%32%37.0.0.1",
    "1.1.1.1@127.0.0.1",
    "user:password@127.0.0.1",
    "[::1%25lo]",
    "[::ffff:127.0.0.1%25lo]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "localhost.",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "127.0.0.1\\.example",
    "127.0.0.1\t",
    "\t127.0.0.1",
    "127.0.0.1 ",
]


def failure(url: str, *, by: Deployed, networks: tuple[str, ...] = ()) -> UpstreamError:
    async def work() -> UpstreamError:
        upstream = Upstream(read_networks(networks))
        with pytest.raises(UpstreamError) as caught:
            await completed(upstream, url, by=by, seconds=2)
        await upstream.close()
        return caught.value

    return in_loop(work())


@pytest.fixture(scope="module")
def trap() -> Iterator[Wire]:
    """Nobody may knock."""
    with Wire() as wire:
        yield wire
    assert wire.accepted == 0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`names(host=[[first answers], [answers of the next query]])`; the last are given again and again."""

    def give(host: str, *queries: list[str]) -> None:
        left = list(queries)
        literal = socket.getaddrinfo

        def resolve(asked: Any, port: Any, family: int = 0, kind: int = 0, proto: int = 0, flags: int = 0) -> Any:
            if asked != host:
                return literal(asked, port, family, kind, proto, socket.AI_NUMERICHOST)
            found = left.pop(0) if len(left) > 1 else left[0]
            families = [socket.AF_INET6 if ":" in one else socket.AF_INET for one in found]
            return [
                (family, socket.SOCK_STREAM, 6, "", (one, port, 0, 0) if ":" in one else (one, port))
                for family, one in zip(families, found, strict=True)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    return give


@pytest.fixture
def _no_name_server(names: Callable[..., None]) -> None:
    """Only numbers resolve, and this machine's own name."""
    names("localhost", ["127.0.0.1"])


@pytest.mark.usefixtures("_no_name_server")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", PRIVATE + METADATA + NOWHERE + HOSTILE)
def test_no_spelling_leads_a_strangers_deployment_to_this_machine(trap: Wire, host: str, scheme: str) -> None:
    error = failure(f"{scheme}://{host}:{trap.port}", by=SOMEBODYS)

    assert isinstance(error, ConnectionFailed)
    assert not error.reached
    assert trap.accepted == 0


@pytest.mark.usefixtures("_no_name_server")
@pytest.mark.parametrize("host", METADATA + NOWHERE)
def test_metadata_services_and_nowhere_are_closed_to_the_operator_and_to_every_network(trap: Wire, host: str) -> None:
    everywhere = ("0.0.0.0/0", "::/0")
    for by in (OPERATORS, SOMEBODYS):
        assert isinstance(failure(f"http://{host}:{trap.port}", by=by, networks=everywhere), ConnectionFailed)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "0x7f.1"])
def test_the_operators_deployments_may_be_on_this_machine(names: Callable[..., None], host: str) -> None:
    names("localhost", ["127.0.0.1", "::1"])

    async def work(port: int) -> bytes:
        upstream = Upstream()
        found = await completed(upstream, f"http://{host}:{port}", by=OPERATORS)
        await upstream.close()
        return found.content

    with Wire(answer_one) as wire:
        assert in_loop(work(wire.port)) == b"{}"


def test_a_refusal_tells_the_reason_and_the_setting_and_never_the_address(trap: Wire) -> None:
    error = failure(f"http://user:hidden@127.0.0.1:{trap.port}/hidden", by=SOMEBODYS)

    assert type(error) is AddressNotAllowed
    assert error.status_code == 500
    assert error.told == (
        "Not sent: the address leads to this machine or a private network; for a model that does not stand in "
        "config.yaml, TOLLKEEPER_UPSTREAM_NETWORKS or general_settings.upstream_allowed_networks must name the network."
    )
    assert "metadata service" in failure("http://169.254.169.254", by=OPERATORS).told


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return path


def answer_one(peer: Peer, number: int) -> None:
    """One request a connection, so that the next makes another and asks for the name again."""
    peer.request()
    peer.send(answer(b"{}", headers=b"Connection: close"))


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["8.8.8.8", "127.0.0.1"],
        ["2606:4700:4700::1111", "::1"],
        ["8.8.8.8", "169.254.169.254"],
    ],
    ids=str,
)
def test_a_name_with_one_bad_answer_is_refused_for_all(
    trap: Wire, names: Callable[..., None], answers: list[str]
) -> None:
    names("model.example", answers)

    assert type(failure(f"http://model.example:{trap.port}", by=SOMEBODYS)) is AddressNotAllowed


def test_a_name_is_looked_at_again_when_its_answer_changes(
    names: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "DNS_CACHE_SECONDS", 0)
    names("model.example", ["127.0.0.1"], ["127.0.0.2"])

    async def work(port: int) -> None:
        upstream = Upstream(read_networks(["127.0.0.1/32"]))
        await completed(upstream, f"http://model.example:{port}", by=SOMEBODYS)
        with pytest.raises(AddressNotAllowed):
            await completed(upstream, f"http://model.example:{port}", by=SOMEBODYS)
        await upstream.close()

    with Wire(answer_one) as wire:
        in_loop(work(wire.port))
        assert wire.accepted == 1


def test_an_answer_in_the_cache_obeys_the_networks_of_now(names: Callable[..., None]) -> None:
    names("model.example", ["127.0.0.1"])

    async def work(port: int) -> None:
        upstream = Upstream(read_networks(["127.0.0.0/8"]))
        await completed(upstream, f"http://model.example:{port}", by=SOMEBODYS)
        upstream.networks = ()
        with pytest.raises(AddressNotAllowed):
            await completed(upstream, f"http://model.example:{port}", by=SOMEBODYS)
        await upstream.close()

    with Wire(answer_one) as wire:
        in_loop(work(wire.port))
        assert wire.accepted == 1


def test_looking_a_name_up_does_not_hold_up_the_others(
    names: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that is slow, while another request is served."""

    async def work(port: int) -> None:
        asked, may_answer = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def slow(*_: Any, **__: Any) -> Any:
            loop.call_soon_threadsafe(asked.set)
            may_answer.wait(5)
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        upstream = Upstream()
        waiting = asyncio.create_task(completed(upstream, f"http://model.example:{port}"))
        await asked.wait()
        await completed(upstream, f"http://127.0.0.1:{port}")
        may_answer.set()
        with pytest.raises(ConnectionFailed):
            await waiting
        await upstream.close()

    with Wire(answer_one) as wire:
        in_loop(work(wire.port))


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))

    def talk(peer: Peer, number: int) -> None:
        peer.start_tls(context)

    with Wire(talk) as wire:
        error = failure(wire.url.replace("http:", "https:"), by=OPERATORS)

    assert (type(error), error.told) == (ConnectionFailed, "TLS error. CERTIFICATE_VERIFY_FAILED")
    assert not wire.requests
