"""The command `tollkeeper`: up, the roles, check, key, demo, ledger, prices, import-litellm, `manage`."""

import argparse
import os
import socket
import sys
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured

from gateway_project import launch
from proxy.config.reader import ConfigError, read
from proxy.config.schema import Document

DEFAULT_PORT = 4000
ROLES = {
    "migrate": "bring the database up to this version, and end",
    "worker": "do the background work in a process of its own; several share it",
    "beat": "say when it is time for periodic work; one is enough, two do no harm",
}


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
    try:
        sys.exit(options.run(options))
    except KeyboardInterrupt:
        sys.exit(130)
    except (ConfigError, launch.LaunchError, ImproperlyConfigured) as error:
        sys.exit(f"tollkeeper: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tollkeeper", description="An LLM gateway and its control plane.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start the gateway")
    up.add_argument("-c", "--config", type=Path, help="a LiteLLM config.yaml; without one and without rows: the demo")
    up.add_argument("--host", default="127.0.0.1")
    up.add_argument("--port", type=int, default=DEFAULT_PORT)
    up.add_argument("--num_workers", "--num-workers", type=int, default=1, metavar="N")
    up.add_argument(
        "--permit-weak-master-key", action="store_true", help="start on a public address even with a key like sk-1234"
    )
    up.add_argument("--web-only", action="store_true", help="leave the background work to `worker` and `beat`")
    up.set_defaults(run=_up)

    for name, sentence in ROLES.items():
        role = commands.add_parser(name, help=sentence)
        role.add_argument("-c", "--config", type=Path, help="a config.yaml, where that names the database and Redis")
        role.set_defaults(run=_role, role=name)

    check = commands.add_parser("check", help="validate a config.yaml and print what it would change, without writing")
    check.add_argument("-c", "--config", type=Path, required=True)
    check.set_defaults(run=_check)

    key = commands.add_parser("key", help="make a virtual key and print it, this once")
    key.add_argument("--alias")
    key.add_argument("--models", nargs="*", default=[], help="model groups it may call; none: all")
    key.set_defaults(run=_key)

    prices = commands.add_parser("prices", help="the table of prices that goes before the published one")
    verbs = prices.add_subparsers(required=True, metavar="VERB")
    prices_import = verbs.add_parser("import", help="read LiteLLM's model_prices_and_context_window.json from a file")
    prices_import.add_argument("file", type=Path)
    prices_import.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")
    prices_import.set_defaults(run=_import_prices)

    import_ = commands.add_parser("import-litellm", help="bring over the rows of a LiteLLM proxy's PostgreSQL database")
    import_.add_argument("--database-url", required=True, metavar="URL", help="LiteLLM's DATABASE_URL; it is only read")
    import_.add_argument("--dry-run", action="store_true", help="do all of it, print what came of it, and take it back")
    import_.add_argument(
        "--salt-key",
        metavar="KEY",
        help="what LiteLLM encrypted with: its LITELLM_SALT_KEY (also read from the environment), else its master key",
    )
    import_.set_defaults(run=_import_litellm)

    demo = commands.add_parser(
        "demo",
        help="fill an installation that has no traffic with weeks of it, so that each page has something to show",
        description="Makes organizations, teams, users who cannot log in, keys that open nothing, deployments that "
        "nothing is asked of, and weeks of ledger entries, traces, incidents and reports, all under names that begin "
        'with "demo.". Nobody is told of any of it. Refused where the ledger holds calls of real clients.',
    )
    demo.add_argument("--seed", type=int, default=7, help="the same seed makes the same traffic (default: 7)")
    demo.add_argument("--requests", type=int, default=50_000, metavar="N", help="how many (default: 50000)")
    demo.add_argument("--days", type=int, default=30, metavar="N", help="of how many days until now (default: 30)")
    demo.add_argument("--remove", action="store_true", help="take away the demo's rows, and no others")
    demo.set_defaults(run=_demo)

    ledger = commands.add_parser("ledger", help="verify: recompute days and balances from the ledger and compare")
    ledger.add_argument("what", choices=["verify"])
    ledger.add_argument("--repair", action="store_true", help="make days and balances what the ledger says")
    ledger.set_defaults(run=_ledger)

    manage = commands.add_parser("manage", help="Django's own commands on this installation", add_help=False)
    manage.add_argument("rest", nargs=argparse.REMAINDER)
    manage.set_defaults(run=_manage)
    return parser


def _up(options: argparse.Namespace) -> int:
    document = read(options.config) if options.config else Document()
    prepared = launch.prepare_environment(
        document=document,
        host=options.host,
        workers=options.num_workers,
        permit_weak=options.permit_weak_master_key,
        alone=not options.web_only,
    )
    listening = _listen(options.host, options.port)
    # Port 0 asks the system for a free one.
    options.port = listening.getsockname()[1]
    # Django reads its settings from the environment that was just prepared.
    from gateway_project.up import start  # noqa: PLC0415

    return start(prepared, options, document if options.config else None, listening)


def _listen(host: str, port: int) -> socket.socket:
    """Taken first, so that a port in use is told before anything is made or migrated."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise launch.LaunchError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port.") from None
    listening.set_inheritable(True)
    return listening


def _role(options: argparse.Namespace) -> int:
    document = read(options.config) if options.config else Document()
    launch.prepare_environment(
        document=document, host="127.0.0.1", workers=1, permit_weak=True, alone=options.role == "migrate"
    )
    from gateway_project import roles  # noqa: PLC0415 - as in _up

    return roles.migrate() if options.role == "migrate" else roles.run(options.role)


def _check(options: argparse.Namespace) -> int:
    document = read(options.config)
    launch.prepare_environment(document=document, host="127.0.0.1", workers=1, permit_weak=True)
    from gateway_project.up import check  # noqa: PLC0415 - as in _up

    return check(document)


def _key(options: argparse.Namespace) -> int:
    launch.prepare_environment(document=Document(), host="127.0.0.1", workers=1, permit_weak=True)
    from gateway_project.up import make_key  # noqa: PLC0415 - as in _up

    return make_key(alias=options.alias, models=options.models)


def _import_prices(options: argparse.Namespace) -> int:
    launch.prepare_environment(document=Document(), host="127.0.0.1", workers=1, permit_weak=True)
    from gateway_project.up import import_prices  # noqa: PLC0415 - as in _up

    return import_prices(options.file, dry_run=options.dry_run)


def _import_litellm(options: argparse.Namespace) -> int:
    prepared = launch.prepare_environment(document=Document(), host="127.0.0.1", workers=1, permit_weak=True)
    django.setup()
    from gateway_project.litellm_import.command import Request, run  # noqa: PLC0415 - as in _up

    salt_key = options.salt_key or os.environ.get("LITELLM_SALT_KEY", "")
    print("\n".join(run(Request(options.database_url, salt_key, dry_run=options.dry_run), prepared)))
    return 0


def _demo(options: argparse.Namespace) -> int:
    prepared = launch.prepare_environment(document=Document(), host="127.0.0.1", workers=1, permit_weak=True)
    from gateway_project.up import demo_data  # noqa: PLC0415 - as in _up

    return demo_data(options, prepared)


def _ledger(options: argparse.Namespace) -> int:
    """0 when everything agrees or was repaired, 1 when something differs."""
    launch.prepare_environment(document=Document(), host="127.0.0.1", workers=1, permit_weak=True)
    from gateway_project.up import verify_ledger  # noqa: PLC0415 - as in _up

    return verify_ledger(repair=options.repair)


def _manage(options: argparse.Namespace) -> int:
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - as in _up

    execute_from_command_line(["tollkeeper manage", *options.rest])
    return 0
