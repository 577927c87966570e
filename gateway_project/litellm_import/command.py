"""The command itself: open, read, write, and say what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, transaction
from django.utils import timezone

import teams.services
from gateway_project.launch import Launch, LaunchError
from gateway_project.litellm_import.cipher import Cipher
from gateway_project.litellm_import.deployments import DEPLOYMENTS, read_credentials, read_model_aliases
from gateway_project.litellm_import.keys import KEYS
from gateway_project.litellm_import.kinds import Context, Kind
from gateway_project.litellm_import.people import PEOPLE
from gateway_project.litellm_import.report import Report
from gateway_project.litellm_import.source import Source, first_line, open_source
from gateway_project.litellm_import.trail import IMPORTER
from gateway_project.litellm_import.write import Writer
from teams.actor import acting
from teams.keys import hash_key

# In this order: each names only what stands before it.
KINDS: tuple[Kind, ...] = (*PEOPLE, *KEYS, *DEPLOYMENTS)


@dataclass(frozen=True)
class Request:
    """`salt_key` empty means that LiteLLM had none, and encrypted with its master key."""

    url: str = field(repr=False)
    salt_key: str = field(default="", repr=False)
    dry_run: bool = False


def run(request: Request, prepared: Launch) -> list[str]:
    """Do it and return the lines to print. Raises LaunchError; then nothing was written."""
    with open_source(request.url) as source:
        try:
            call_command("migrate", verbosity=0)
        except OperationalError as error:
            raise LaunchError(f"The database cannot be used: {first_line(error)}") from None
        report = apply(source, request, admin_password=prepared.secrets.admin_password, now=timezone.now())
    if prepared.first_run:
        report.notes.append(f"the admin's login and the master key of this installation are in {prepared.data}")
    return report.lines()


def apply(source: Source, request: Request, *, admin_password: str, now: datetime) -> Report:
    """All of it or nothing. Raises LaunchError."""
    report = Report()
    try:
        with transaction.atomic():
            # LiteLLM's admin is ours, as the first start would make it; an import takes nothing away from it.
            teams.services.ensure_admin(username="admin", password=admin_password)
            with acting(IMPORTER):
                _import(source, request, report, now=now)
            transaction.set_rollback(request.dry_run)
    except DatabaseError as error:
        raise LaunchError(f"The import was taken back, because our database refused it: {first_line(error)}.") from None
    if request.dry_run:
        report.notes.insert(0, "this was a dry run: nothing has been written")
    return report


def _import(source: Source, request: Request, report: Report, *, now: datetime) -> None:
    cipher = Cipher(_distinct([request.salt_key, settings.MASTER_KEY]))
    context = Context(
        now=now,
        cipher=cipher,
        master_hashes=frozenset(map(hash_key, _distinct([request.salt_key, settings.MASTER_KEY]))),
        model_aliases=read_model_aliases(source),
        credentials=read_credentials(source),
    )
    writer = Writer(KINDS, report, context)
    for kind in KINDS:
        writer.put(kind, kind.rows(source))
    writer.close()
    report.notes += [*_absences(source), *_losses(writer), *_standing_notes(cipher, request)]


def _absences(source: Source) -> list[str]:
    notes = []
    for kind in KINDS:
        if not source.has(kind.table):
            notes.append(f"LiteLLM's database has no table {kind.table}")
        elif columns := [name for name in source.missing(kind.table, kind.columns) if name not in kind.rare]:
            notes.append(f"LiteLLM's table {kind.table} has no {', '.join(columns)}")
    return notes


def _losses(writer: Writer) -> list[str]:
    return [
        f"{kind}: there is nothing like {column} here; it stays behind (rows: {count:,})"
        for (kind, column), count in writer.lost.items()
    ]


def _standing_notes(cipher: Cipher, request: Request) -> list[str]:
    notes = [
        "what was spent stays behind: spend is counted from the first call here",
        "passwords stay behind: who logs in to the admin needs a new one",
        "what LiteLLM has deleted since an earlier import stays here",
    ]
    if cipher.lacks_nacl:
        notes.append("values that an older LiteLLM encrypted need PyNaCl: pip install 'tollkeeper[import]'")
    elif not request.salt_key:
        notes.append("no salt key was given (--salt-key or LITELLM_SALT_KEY), so only the master key was tried")
    return notes


def _distinct(keys: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(key for key in keys if key))
