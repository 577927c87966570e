"""Admin pages of the gateway: deployments and settings, what became of requests, and what would become of one."""

from proxy.admin import deployments, requests

__all__ = ["deployments", "requests"]
