"""What the commands do once Django's settings can be read."""

import argparse
import logging
import os
import socket
import sys
from pathlib import Path

import django

django.setup()


from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.utils import IntegrityError, OperationalError
from django.utils import timezone

import alerts.services
import teams.services
from budgets import price_import, rollup
from budgets.price_import import read_price_map
from budgets.verify import verify
from gateway_project import server
from gateway_project.background import Background
from gateway_project.demo import FAILING_MODEL, ID_PREFIX, DemoProvider
from gateway_project.demo import document as demo_document
from gateway_project.demo_data import command
from gateway_project.demo_data.marks import MAKER
from gateway_project.launch import Launch, LaunchError
from gateway_project.launch_lock import one_launch_at_a_time
from proxy.config import alerting, environment, importer
from proxy.config.schema import Document
from proxy.models import Deployment
from proxy.providers import PROVIDERS, split_model
from teams.actor import Actor, acting
from teams.models import ActorSource, VirtualKey

logger = logging.getLogger(__name__)


def start(prepared: Launch, options: argparse.Namespace, document: Document | None, listening: socket.socket) -> int:
    """Prepare the database, start what belongs to this process and serve until a signal comes."""
    demo = None
    try:
        with one_launch_at_a_time():
            call_command("migrate", verbosity=0)
            # An upgrade may leave all of the ledger waiting, which every look at what was spent would have to read.
            rollup.roll_up(now=timezone.now())
            login = _ensure_admin(prepared)
            if document is None and _wants_demo():
                demo = DemoProvider()
                demo.start()
                document = demo_document()
            warnings = [*prepared.warnings, *_apply(document, tell=demo is None)]
    except OperationalError as error:
        raise LaunchError(f"The database cannot be used: {error}") from None
    background = Background(has_worker=not options.web_only, has_beat=not options.web_only)
    # For what the worker's threads have to tell, also where the web is other processes.
    alerts.services.start_buffer()
    background.start()

    def ready() -> None:
        _print_banner(prepared, options, warnings, login=login, demo=demo is not None)

    config = server.config(host=options.host, port=options.port, workers=options.num_workers)
    try:
        if options.num_workers > 1:
            connection.close()
            server.run_many(config, listening=listening, ready=ready)
            return 0
        return 0 if server.run_one(config, listening=listening, ready=ready) else 1
    finally:
        background.stop()
        alerts.services.stop_buffer()
        if demo:
            demo.stop()


def check(document: Document) -> int:
    """Print what `up` would change. Writes nothing but, at the very first run, the empty database."""
    _migrate()
    for warning in _doubts(document):
        print(f"warning: {warning}")
    diff = importer.preview(document)
    print("\n".join(diff.lines()) or "Nothing would change.")
    return 0


def make_key(*, alias: str | None, models: list[str]) -> int:
    _migrate()
    try:
        print(teams.services.issue_key(VirtualKey(alias=alias, allowed_models=models)))
    except IntegrityError:
        print(f"tollkeeper: a key with alias {alias!r} exists already", file=sys.stderr)
        return 1
    return 0


def verify_ledger(*, repair: bool) -> int:
    _migrate()
    report = verify(now=timezone.now(), repair=repair)
    for finding in report.findings:
        print(finding)
    print(
        f"{report.days} days and {report.balances} balances compared with the ledger: "
        f"drift {report.drift_nano} nano-dollars{', repaired' if repair and report.findings else ''}"
    )
    return 1 if report.findings and not repair else 0


def demo_data(options: argparse.Namespace, prepared: Launch) -> int:
    """Make the demo's data, or take them away, and print what came of it."""
    _migrate()
    wanted = command.Wanted(seed=options.seed, days=options.days, requests=options.requests, remove=options.remove)
    print("\n".join(command.run(wanted, now=timezone.now())))
    if prepared.first_run:
        print(f"The admin's login and the master key of this installation are in {prepared.data / 'secrets.json'}")
    return 0


def import_prices(path: Path, *, dry_run: bool) -> int:
    """Print what of the file is new, and why some of it is not taken."""
    try:
        entries = read_price_map(path)
    except ValueError as error:
        raise LaunchError(str(error)) from None
    _migrate()
    print("\n".join(price_import.import_prices(entries, now=timezone.now(), dry_run=dry_run).lines()))
    return 0


def _migrate() -> None:
    """Raises LaunchError while there is no database."""
    try:
        call_command("migrate", verbosity=0)
    except OperationalError as error:
        raise LaunchError(f"The database cannot be used: {error}") from None


def _ensure_admin(prepared: Launch) -> str | None:
    """What to tell of the first admin's login; None when there was one already, whose password nobody here knows."""
    chosen = os.environ.get("UI_PASSWORD")
    admin, made = teams.services.ensure_admin(
        username=os.environ.get("UI_USERNAME") or "admin", password=chosen or prepared.secrets.admin_password
    )
    if not made:
        return None
    return f"{admin.username} / {'the UI_PASSWORD' if chosen else prepared.secrets.admin_password}"


def _wants_demo() -> bool:
    """Without a file and without a deployment of one's own there would be nothing to call."""
    others = Deployment.objects.exclude(id__startswith=ID_PREFIX).exclude(created_by=MAKER)
    return not others.exists()


def _apply(document: Document | None, *, tell: bool) -> list[str]:
    if document is None:
        return []
    with acting(Actor(source=ActorSource.CONFIG)):
        changes = importer.apply(document).lines()
    for line in changes:
        if tell:
            logger.info("Configuration applied", extra={"change": line})
    return _doubts(document)


def _doubts(document: Document) -> list[str]:
    """What is probably not meant, in sentences."""
    doubts = document.unknown_keys()
    if idle := document.without_effect():
        doubts.append(f"accepted, and without effect in this version: {', '.join(idle)}")
    for entry in document.model_list:
        params = entry.litellm_params
        provider, _ = split_model(params.model, custom_provider=(params.model_extra or {}).get("custom_llm_provider"))
        if provider not in PROVIDERS:
            doubts.append(f"model {entry.model_name}: provider {provider!r} is not offered, so it takes no requests")
        doubts += [
            f"model {entry.model_name}: the variable {name} is not set"
            for name in sorted(environment.missing(params.model_dump()))
        ]
    doubts += alerting.doubts(document.general_settings, os.environ)
    return doubts


def _print_banner(
    prepared: Launch, options: argparse.Namespace, warnings: list[str], *, login: str | None, demo: bool
) -> None:
    host = options.host if options.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{options.port}"
    lines = [f"Tollkeeper is up: {url}   admin: {url}/admin/   metrics: {url}/metrics"]
    lines.append(f"Data folder: {prepared.data}")
    made_here = prepared.secrets.master_key == settings.MASTER_KEY
    if login:
        lines.append(f"Admin login, shown once: {login}")
    if prepared.first_run:
        if made_here:
            lines.append(f"Master key, shown once:  {settings.MASTER_KEY}")
        lines.append(f"Kept in {prepared.data / 'secrets.json'}; change the password after the first login.")
    if demo:
        key = settings.MASTER_KEY if prepared.first_run and made_here else "$LITELLM_MASTER_KEY"
        lines += [
            "No configuration was given: this is the demo, with a provider on this machine. Try:",
            f'  curl {url}/v1/chat/completions -H "Authorization: Bearer {key}" \\',
            "    -H 'Content-Type: application/json' \\",
            """    -d '{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}'""",
            f'The model "{FAILING_MODEL}" fails on purpose: ask it, and the alert is printed here.',
            "Your own models: make up CONFIG=config.yaml",
        ]
    lines += [f"warning: {warning}" for warning in warnings]
    print("\n" + "\n".join(lines) + "\n", flush=True)
