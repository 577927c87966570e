"""A database URL as LiteLLM's settings have it, taken apart so that no error can repeat its password."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from psycopg.pq import Conninfo

from gateway_project.launch import LaunchError

_SCHEMES = ("postgres", "postgresql")
_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^:\[\]]*)(?::(\d{1,5}))?")
_FORM = "postgresql://user:password@host:5432/litellm"


@dataclass(frozen=True)
class Address:
    """`parameters` are for psycopg.connect; `schema` is where LiteLLM's tables are."""

    parameters: Mapping[str, str] = field(repr=False)
    schema: str
    shown: str

    def without_password(self, text: str) -> str:
        password = self.parameters.get("password")
        return text.replace(password, "***") if password else text


def read_address(url: str) -> Address:
    """Raises LaunchError, whose text holds nothing of the URL."""
    parts = _split(url.strip())
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    found = [_HOST.fullmatch(host) for host in hosts.split(",")]
    if None in found:
        raise LaunchError(f"--database-url is no PostgreSQL URL: its host or port cannot be read. Give {_FORM}.")
    pairs = [(match[1].strip("[]"), match[2] or "") for match in found if match]
    given = dict(parse_qsl(parts.query))
    parameters = {
        "user": unquote(user),
        "password": unquote(password),
        "host": ",".join(host for host, _ in pairs),
        "port": ",".join(port for _, port in pairs),
        "dbname": unquote(parts.path.lstrip("/")),
        # LiteLLM's own parameters, such as connection_limit, are no business of PostgreSQL's.
        **{name: value for name, value in given.items() if name in _known_parameters()},
    }
    parameters = {name: value for name, value in parameters.items() if value.strip(",")}
    where = parameters.get("host", "localhost")
    return Address(parameters, given.get("schema") or "public", f"{where}/{parameters.get('dbname', '')}")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise LaunchError(f"--database-url cannot be read. Give {_FORM}.") from None
    if parts.scheme not in _SCHEMES:
        raise LaunchError(f"--database-url must be a PostgreSQL URL: {_FORM}.")
    if parts.fragment or "@" in parts.path + parts.query:
        raise LaunchError(
            "--database-url cannot be read: characters such as # / ? @ in its user name or password must be "
            "percent-encoded (%23 %2F %3F %40)."
        )
    return parts


def _known_parameters() -> set[str]:
    return {option.keyword.decode() for option in Conninfo.get_defaults()}
