"""A real SMTP server on loopback that keeps the mails it took and refuses whom it is told to."""

import asyncio
import ssl
import threading
import time
import warnings
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True, slots=True)
class Mail:
    """Who the envelope says, what was sent, and when on the monotonic clock."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def text(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())


class FakeSmtp:
    """`answers` are those to RCPT TO, by recipient; with `tls` it offers STARTTLS, with a login it wants one."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None) -> None:
        self.mails: list[Mail] = []
        self.answers: dict[str, str] = {}
        self.data_answer = "250 taken"
        self.asked: list[str] = []
        self.port = 0
        self._options: dict[str, Any] = {"hostname": "fake", "enable_SMTPUTF8": False}
        if tls:
            self._options |= {"tls_context": tls, "require_starttls": True}
        if login:
            self._login = login
            self._options |= {"authenticator": self._check, "auth_required": True, "auth_require_tls": False}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked.append(address)
        answer = self.answers.get(address, "250 fine")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), envelope.content))
        return self.data_answer

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(self._connected, "127.0.0.1", 0)

    def _connected(self) -> SMTP:
        with warnings.catch_warnings():
            # That a login without TLS is unsafe.
            warnings.simplefilter("ignore")
            return SMTP(self, loop=self._loop, **self._options)

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth: Any) -> AuthResult:
        given = (auth.login.decode(), auth.password.decode()) if isinstance(auth, LoginPassword) else None
        return AuthResult(success=given == self._login, handled=False)
