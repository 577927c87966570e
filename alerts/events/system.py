"""Events of the gateway itself."""

from dataclasses import dataclass

from alerts.events.base import AlertType, Event, Level


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


@dataclass(frozen=True)
class ReceivedAlert(Event):
    """What an Alertmanager passes on: its own incident for as long as it fires there.

    `severity` is its label of that name; `alert_labels` and `annotations` are pairs, sorted.
    """

    alert_type = AlertType.ALERTMANAGER_ALERTS
    # It says itself when it is over; this is for one that is gone before it could.
    quiet_interval = 24 * 3600

    alertname: str
    fingerprint_there: str
    severity: str = ""
    alert_labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", _LEVELS.get(self.severity.lower(), Level.MEDIUM))

    def identity(self) -> tuple[object, ...]:
        return (self.fingerprint_there,)

    def title(self) -> str:
        said = dict(self.annotations)
        words = said.get("summary") or said.get("message") or said.get("description")
        return f"{self.alertname}: {words}" if words else self.alertname

    def details(self) -> dict[str, str]:
        return {**dict(self.annotations), **dict(self.alert_labels)}

    def labels(self) -> dict[str, str]:
        return dict(self.alert_labels)


_LEVELS = {
    "critical": Level.HIGH,
    "page": Level.HIGH,
    "error": Level.HIGH,
    "high": Level.HIGH,
    "info": Level.LOW,
    "none": Level.LOW,
    "low": Level.LOW,
}
