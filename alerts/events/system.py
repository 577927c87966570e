"""Events of the gateway itself."""

from dataclasses import dataclass

from alerts.events.base import AlertType, Event


@dataclass(frozen=True)
class ChannelFailing(Event):
    """Alerts do not reach a channel; it is told through the others."""

    alert_type = AlertType.ALERT_CHANNEL_FAILING
    quiet_interval = 24 * 3600

    channel_id: int
    channel: str
    kind: str
    error: str
    given_up: int = 0

    def identity(self) -> tuple[object, ...]:
        return (self.channel_id,)

    def title(self) -> str:
        return f"Alerts do not reach the channel {self.channel}"

    def details(self) -> dict[str, str]:
        return {
            "Channel": self.channel,
            "Kind": self.kind,
            "Error": self.error,
            "Given up": str(self.given_up) if self.given_up else "",
        }

    def labels(self) -> dict[str, str]:
        return {"channel": self.channel, "kind": self.kind}

    def avoided_channel_id(self) -> int | None:
        return self.channel_id


@dataclass(frozen=True)
class DatabaseException(Event):
    """The database does not do what the gateway needs of it. `trouble` is what suffers by that: one word."""

    alert_type = AlertType.DB_EXCEPTIONS
    needs_no_database = True

    trouble: str
    error: str

    def identity(self) -> tuple[object, ...]:
        return (self.trouble,)

    def title(self) -> str:
        return DATABASE_TROUBLES.get(self.trouble, f"The database fails: {self.trouble}")

    def details(self) -> dict[str, str]:
        return {"Trouble": self.trouble, "Error": self.error}

    def labels(self) -> dict[str, str]:
        return {"trouble": self.trouble}


DATABASE_TROUBLES = {
    "ledger": "The database takes no ledger entries: they are kept on disk until it does",
    "snapshot": "The database cannot be read: keys, budgets and deployments are served as they were last read",
    "roll-up": "The database does not add up the ledger: spend and budgets fall behind",
    "management": "The database refuses what admins do",
}
