"""E-mail: HTML and text, one mail to each address, threads by incident.

A mail that one address took must not come twice: who refused it for now is tried again alone. Who refused it for good
is named in the receipt, where others took it.
"""

import functools
import smtplib
import time
from collections.abc import Callable, Iterable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone

from alerts.core.message import Message, to_person, truncate
from alerts.models import AlertChannel
from alerts.transports.base import Receipt, Transport, TransportError
from alerts.transports.letterhead import Letterhead
from alerts.transports.options import addresses, is_address, yes_or_no
from alerts.transports.smtp import MailServer
from alerts.transports.text import facts, legible, more, printable

# Below the lease of a sender, with room for one word that takes its whole time-out.
TOTAL_SECONDS = 30.0
_LONGEST_SUBJECT = 150
_LONGEST_VALUE = 2000
_MOST_LINES = 500
_PREVIEWED = "alerts@example.com"
_COLOURS = {"resolved": "#2eb67d", "acknowledged": "#5865f2", "High": "#e01e5a", "Medium": "#ecb22e", "Low": "#36c5f0"}


class EmailTransport(Transport):
    kind = "email"
    options = {"to": addresses, "owners": yes_or_no}

    def defects(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().defects(channel)
        if not wrong and not channel.options.get("to") and not channel.options.get("owners"):
            wrong["options"] = (
                'Say whom to write to: {"to": ["ops@example.com"]}, {"owners": true} for those whom an alert concerns, '
                "or both."
            )
        return wrong

    def may_merge(self, channel: AlertChannel) -> bool:
        """What is for one person alone is not put into one mail with what is for others."""
        return not channel.options.get("owners")

    def send(self, channel: AlertChannel, message: Message) -> Receipt:
        server = MailServer.read()
        recipients = _recipients(channel, message)
        if not recipients:
            return Receipt(None, "Not sent: it concerns nobody whose mail address is known.")
        taken, refused = _send_each(server, _mails(channel, message, sender=server.sender), recipients)
        others = "; ".join(f"not to {address}: {error}" for address, error in refused.items())
        said = truncate(f"Sent to {len(taken)} of {len(recipients)}. {others}".strip(), _LONGEST_VALUE)
        if left := tuple(address for address, error in refused.items() if not error.permanent):
            first = refused[left[0]]
            raise TransportError(
                said if len(recipients) > 1 else str(first),
                status=first.status,
                retry_after=first.retry_after,
                left=left,
            )
        if not taken:
            raise next(iter(refused.values()))
        return Receipt(250, said)

    def preview(self, channel: AlertChannel, message: Message) -> dict[str, Any]:
        mail = compose(message if channel.options.get("to") else to_person(message), sender=_PREVIEWED)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        return {
            "to": _recipients(channel, message),
            "subject": str(mail["Subject"]),
            "text": parts["text/plain"],
            "html": parts["text/html"],
        }


def compose(message: Message, *, sender: str) -> EmailMessage:
    """The mail without an address and a date. Pure, but for the templates."""
    plain = legible(message)
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = Address("Tollkeeper", addr_spec=sender)
    mail["Subject"] = truncate(plain.heading.strip(), _LONGEST_SUBJECT)
    if message.id:
        mail["Message-ID"] = f"<{_atom(message.id)}@{domain}>"
    if message.incident_id:
        # Nobody was ever sent this one; readers thread by it all the same (RFC 5256, 3).
        for name in ("In-Reply-To", "References"):
            mail[name] = f"<incident-{_atom(message.incident_id)}@{domain}>"
    # For rules of a mailbox.
    mail["X-Tollkeeper-Alert-Type"] = _atom(message.alert_type)
    # Keeps holiday notices from being sent back (RFC 3834, 5).
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    shown = _shown(plain)
    template = "letter" if message.style == "letter" else "mail"
    mail.set_content(render_to_string(f"alerts/{template}.txt", shown))
    mail.add_alternative(render_to_string(f"alerts/{template}.html", shown), subtype="html")
    for name, text in message.files:
        mail.add_attachment(text.encode("utf-8", "replace"), maintype="text", subtype="csv", filename=_file_name(name))
    return mail


def _recipients(channel: AlertChannel, message: Message) -> list[str]:
    """Each once, however it is written; what is no address is left out, and who has got it already."""
    if message.only_to:
        return [one for one in message.only_to if is_address(one)]
    wanted = [*channel.options.get("to", ()), *(message.recipients if channel.options.get("owners") else ())]
    found: dict[str, str] = {}
    for one in filter(is_address, wanted):
        found.setdefault(one.lower(), one)
    return list(found.values())


def _mails(channel: AlertChannel, message: Message, *, sender: str) -> Callable[[str], EmailMessage]:
    """By address: the alert for those whom the channel names, a letter for those whom it concerns."""
    named = {one.lower() for one in channel.options.get("to", ())}

    @functools.cache
    def composed(is_named: bool) -> EmailMessage:
        mail = compose(message if is_named else to_person(message), sender=sender)
        mail["Date"] = format_datetime(timezone.now())
        return mail

    return lambda address: composed(address.lower() in named)


def _send_each(
    server: MailServer, mail_for: Callable[[str], EmailMessage], recipients: Iterable[str]
) -> tuple[list[str], dict[str, TransportError]]:
    """Who took it, and why the others did not. Raises TransportError when nobody could be asked."""
    taken: list[str] = []
    refused: dict[str, TransportError] = {}
    deadline = time.monotonic() + TOTAL_SECONDS
    left = list(recipients)
    try:
        with server.connected() as connection:
            while left:
                _ensure_time(deadline)
                if error := _send_one(server, connection, mail_for(left[0]), left[0]):
                    refused[left[0]] = error
                else:
                    taken.append(left[0])
                left.pop(0)
    except TransportError as error:
        if not taken and not refused:
            raise
        refused |= dict.fromkeys(left, error)
    return taken, refused


def _ensure_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TransportError("The mail server took too long.")


def _send_one(server: MailServer, connection: smtplib.SMTP, mail: EmailMessage, address: str) -> TransportError | None:
    del mail["To"]
    mail["To"] = address
    try:
        connection.send_message(mail, from_addr=server.sender, to_addrs=[address])
    except smtplib.SMTPRecipientsRefused as error:
        return server.refusal(*error.recipients[address])
    except smtplib.SMTPResponseException as error:
        return server.refusal(error.smtp_code, error.smtp_error)
    return None


def _shown(message: Message) -> dict[str, Any]:
    """What the templates say."""
    sections = []
    left = _MOST_LINES
    for heading, listed in message.sections:
        lines = [truncate(line, _LONGEST_VALUE) for line in listed[:left]]
        left -= len(lines)
        sections.append((heading, lines + ([more(len(listed) - len(lines))] if len(listed) > len(lines) else [])))
    return {
        "heading": truncate(message.heading, _LONGEST_VALUE),
        "colour": _COLOURS.get(message.kind) or _COLOURS.get(message.level, _COLOURS["Low"]),
        "facts": [(name, truncate(value, _LONGEST_VALUE)) for name, value in _facts(message)[:_MOST_LINES]],
        "sections": sections,
        "links": message.links,
        "link": message.link,
        "files": [_file_name(name) for name, _ in message.files],
        "letterhead": Letterhead.read(),
    }


def _facts(message: Message) -> list[tuple[str, str]]:
    return list(message.details.items()) if message.style == "letter" else facts(message)


def _atom(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and (letter.isalnum() or letter in "-_."))[:100]


def _file_name(name: str) -> str:
    plain = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in printable(name))
    return plain.strip(". ")[:100] or "report.csv"
