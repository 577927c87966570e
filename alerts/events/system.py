"""Events of the gateway itself."""

from dataclasses import dataclass

from alerts.events.base import AlertType, Event, Level


@dataclass(frozen=True)
class ChannelFailing(Event):
    """Alerts do not reach a channel; it is told through the others."""

    alert_type = AlertType.ALERT_CHANNEL_FAILING
    raised_when = "a channel refuses an alert for good, or fails for ten minutes; told through the others"
    ends_when = "it takes an alert"
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
class AlertChainFailing(Event):
    """Alerting itself does not do what it should. `trouble` is a key of CHAIN_TROUBLES, `subject` what it is about."""

    alert_type = AlertType.ALERT_CHAIN_FAILING
    raised_when = "alerting itself does not do what it should; told through the channels that it is not about"
    ends_when = "the audit finds it no more"
    # The audit says when it is over.
    quiet_interval = 24 * 3600

    trouble: str
    subject: str = ""
    said: str = ""
    channel_id: int | None = None

    def identity(self) -> tuple[object, ...]:
        return (self.trouble, self.subject)

    def title(self) -> str:
        words = CHAIN_TROUBLES.get(self.trouble, f"Alerting fails: {self.trouble}")
        return f"{words}: {self.subject}" if self.subject else words

    def details(self) -> dict[str, str]:
        return {"Trouble": self.trouble, "About": self.subject, "More": self.said}

    def labels(self) -> dict[str, str]:
        return {"trouble": self.trouble}

    def avoided_channel_id(self) -> int | None:
        return self.channel_id


CHAIN_TROUBLES = {
    "stalled": "Nobody sends alerts: Celery's beat or its workers stand still",
    "deliveries_stuck": "Alerts wait and nobody sends them",
    "channels_failing": "No channel takes alerts",
    "incidents_untold": "Incidents are open that nobody was told of",
    "incidents_overdue": "Incidents that are over stay open",
    "escalations_overdue": "Escalations that are due are not made",
    "detectors_silent": "No process is left that would notice trouble",
    "run_unfinished": "A scheduled report was begun and never finished",
    "heartbeat_failing": "The heartbeat is not taken by its receiver",
}


@dataclass(frozen=True)
class DatabaseException(Event):
    """The database does not do what the gateway needs of it. `trouble` is what suffers by that: one word."""

    alert_type = AlertType.DB_EXCEPTIONS
    raised_when = (
        "the ledger, the snapshots, the roll-up or a management route cannot use the database; told without it"
    )
    ends_when = "it can again"
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
    raised_when = "an Alertmanager posts an alert to `/alerts/receive`; its label `severity` is the level"
    ends_when = "the Alertmanager says so"
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
