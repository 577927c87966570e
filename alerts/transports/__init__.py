"""The kinds of channel: one row each."""

from alerts.transports.base import HttpTransport
from alerts.transports.slack import SlackTransport

TRANSPORTS: dict[str, HttpTransport] = {transport.kind: transport for transport in (SlackTransport(),)}
