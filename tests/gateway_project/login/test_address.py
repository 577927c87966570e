import pytest

from gateway_project.login.address import holder_of


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        ("192.0.2.7", "192.0.2.7"),
        # Each connection has another port; that must not be another client.
        ("192.0.2.7:50123", "192.0.2.7"),
        ("[2001:db8:1:2::7]:443", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix:", "unix:"),
        ("999.1.1.1:80", "999.1.1.1:80"),
    ],
)
def test_a_client_has_one_name(address: str, holder: str) -> None:
    assert holder_of(address) == holder
