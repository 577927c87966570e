"""What must be true before anything starts: environment, master key, database rows.

`prepare_environment` runs before Django reads its settings, `prepare_database` after.
"""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from gateway_project import local
from proxy.config.schema import Document

WEAK_KEYS = frozenset({"sk-1234", "sk-12345", "sk-123456", "changeme", "sk-changeme", "password", "sk-test", "test"})
SHORTEST_KEY = 16
PERMIT_WEAK = "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"


class LaunchError(Exception):
    """The gateway does not start; the text says why and what to do."""


@dataclass(frozen=True)
class Launch:
    """What came of the preparation, for the banner."""

    data: Path
    secrets: local.LocalSecrets
    first_run: bool
    warnings: tuple[str, ...]


def prepare_environment(
    *, document: Document, host: str, workers: int, permit_weak: bool, alone: bool = True
) -> Launch:
    """Make the data folder and its secrets, and export what settings.py reads. Raises LaunchError.

    `alone` says that no other process belongs to this one but its own `workers`.
    """
    data = local.data_folder()
    try:
        secrets, first_run = local.load_or_create_secrets(data)
    except OSError as error:
        raise LaunchError(f"The data folder {data} cannot be used: {error.strerror}. Set TOLLKEEPER_DATA.") from None
    os.environ["TOLLKEEPER_DATA"] = str(data)
    _export_stores(document)
    if workers > 1:
        _refuse_without_stores(f"--num_workers {workers}", "or start one worker")
    elif not alone:
        _refuse_without_stores("A process with one role", "or start everything in one process with `tollkeeper up`")
    general = document.general_settings
    # The seed's order: what the file says, else the variable, else the one made at the first run.
    key = general.master_key or os.environ.get("LITELLM_MASTER_KEY") or secrets.master_key
    os.environ["LITELLM_MASTER_KEY"] = key
    permitted = (
        permit_weak
        or general.dangerously_permit_weak_or_unset_master_key
        or os.environ.get(PERMIT_WEAK, "").lower() == "true"
    )
    return Launch(data, secrets, first_run, warnings=_judge_master_key(key, host=host, permitted=permitted))


def _export_stores(document: Document) -> None:
    """Addresses of the stores may stand in the file; the environment wins."""
    if url := document.general_settings.database_url:
        os.environ.setdefault("DATABASE_URL", url)
    router = document.router_settings
    names = (("redis_url", "REDIS_URL"), ("redis_host", "REDIS_HOST"), ("redis_port", "REDIS_PORT"))
    for setting, variable in (*names, ("redis_password", "REDIS_PASSWORD")):
        if value := router.get(setting):
            os.environ.setdefault(variable, str(value))


def _refuse_without_stores(what: str, way_out: str) -> None:
    postgres = os.environ.get("DATABASE_URL", "").startswith(("postgres://", "postgresql://"))
    redis = os.environ.get("REDIS_URL") or os.environ.get("REDIS_HOST")
    if not (postgres and redis):
        raise LaunchError(
            f"{what} needs PostgreSQL and Redis: without them every process would count limits, budgets and metrics "
            f"on its own and the numbers would be wrong. Set DATABASE_URL=postgres://... and REDIS_URL=redis://..., "
            f"{way_out}."
        )


def _judge_master_key(key: str, *, host: str, permitted: bool) -> tuple[str, ...]:
    if key not in WEAK_KEYS and len(key) >= SHORTEST_KEY:
        return ()
    if is_loopback(host):
        return ("The master key is well known or short: fine on this machine, and refused on a public address.",)
    if permitted:
        return (f"The master key is well known or short, and {host} can be reached from outside.",)
    raise LaunchError(
        f"The master key is well known or short, and {host} can be reached from outside: anyone could spend your "
        f"money. Set LITELLM_MASTER_KEY to a long random text beginning with sk-, or listen on 127.0.0.1, or (not "
        "advised) pass --permit-weak-master-key."
    )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
