"""The gateway's rows: deployments and settings, and what became of each request."""

from proxy.models import labels
from proxy.models.deployments import ConfigField, Deployment, Section, Source, validate_params
from proxy.models.health_checks import HealthCheck, HealthRun
from proxy.models.traces import RequestTrace

__all__ = [
    "ConfigField",
    "Deployment",
    "HealthCheck",
    "HealthRun",
    "RequestTrace",
    "Section",
    "Source",
    "labels",
    "validate_params",
]
