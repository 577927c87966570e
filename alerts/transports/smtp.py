"""The mail server as LiteLLM's environment variables name it, and one connection to it."""

import os
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from alerts.transports.base import TransportError
from alerts.transports.options import is_address
from alerts.transports.redaction import without_secrets

# A sender's lease is a minute, and every word to the server may take that long.
_LONGEST_TIMEOUT = 15.0
_TLS_PORT = 465


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    sender: str
    username: str = ""
    password: str = ""
    starts_tls: bool = True
    is_tls: bool = False
    timeout: float = _LONGEST_TIMEOUT

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "MailServer":
        """SMTP_HOST, SMTP_PORT (587), SMTP_SENDER_EMAIL, SMTP_USERNAME and SMTP_PASSWORD (both, or no login), SMTP_TLS
        (True: STARTTLS), SMTP_USE_SSL (False; True on port 465) and SMTP_TIMEOUT (seconds, 15 at most).

        Raises TransportError with a sentence about the first that is missing or wrong.
        """
        host, sender = environment.get("SMTP_HOST", ""), environment.get("SMTP_SENDER_EMAIL", "")
        if not host:
            raise TransportError("Not sent: SMTP_HOST is not set.", permanent=True)
        if not is_address(sender):
            raise TransportError("Not sent: SMTP_SENDER_EMAIL is not set to a mail address.", permanent=True)
        port = int(_number(environment, "SMTP_PORT", 587))
        is_tls = _flag(environment, "SMTP_USE_SSL", default=port == _TLS_PORT)
        return cls(
            host=host,
            port=port,
            sender=sender,
            username=environment.get("SMTP_USERNAME", ""),
            password=environment.get("SMTP_PASSWORD", ""),
            starts_tls=not is_tls and _flag(environment, "SMTP_TLS", default=True),
            is_tls=is_tls,
            timeout=min(_number(environment, "SMTP_TIMEOUT", _LONGEST_TIMEOUT), _LONGEST_TIMEOUT),
        )

    @contextmanager
    def connected(self) -> Iterator[smtplib.SMTP]:
        """Logged in and ready to send. Raises TransportError for whatever goes wrong until it is left."""
        try:
            with self._open() as connection:
                if self.starts_tls:
                    connection.starttls(context=ssl.create_default_context())
                if self.username and self.password:
                    connection.login(self.username, self.password)
                yield connection
        except smtplib.SMTPNotSupportedError:
            raise TransportError(
                "The mail server does not offer what SMTP_TLS or SMTP_USERNAME ask for (STARTTLS, or a login)."
            ) from None
        except smtplib.SMTPResponseException as error:
            raise self.refusal(error.smtp_code, error.smtp_error) from None
        except TimeoutError:
            raise TransportError("The mail server did not answer in time.") from None
        except ssl.SSLError as error:
            raise TransportError(f"The mail server cannot be spoken to over TLS ({error.reason}).") from None
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise TransportError(f"The mail server cannot be reached ({type(error).__name__}).") from None

    def refusal(self, code: int, said: bytes | str) -> TransportError:
        """5xx will not pass (RFC 5321, 4.2.1). What the server said must not give the password away."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        text = without_secrets(" ".join(text.split()), self.password)[:200]
        return TransportError(f"The mail server answered {code}: {text}", permanent=500 <= code < 600, status=code)

    def _open(self) -> smtplib.SMTP:
        # A name of our own: looking up that of this machine can take seconds, and tells it.
        name = "[127.0.0.1]"
        if self.is_tls:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, local_hostname=name, timeout=self.timeout, context=context)
        return smtplib.SMTP(self.host, self.port, local_hostname=name, timeout=self.timeout)


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    given = environment.get(name, "").strip() or str(default)
    try:
        number = float(given)
    except ValueError:
        number = 0.0
    if not 0 < number < 65_536:
        raise TransportError(f"Not sent: {name} must be a number above zero.", permanent=True)
    return number


def _flag(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    given = environment.get(name, "").strip().lower()
    return given in ("true", "1", "yes", "on") if given else default
