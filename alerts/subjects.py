"""A stored incident as the pure decisions see it."""

from alerts.core.routing import Subject
from alerts.models import Incident


def subject_of(incident: Incident) -> Subject:
    return Subject(incident.alert_type, incident.level, incident.labels)
