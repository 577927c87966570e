"""Admin pages of the gateway: deployments and settings, keys, what became of requests, and what would become of one."""

from proxy.admin import config_fields, deployments, keys, requests

__all__ = ["config_fields", "deployments", "keys", "requests"]
