"""How long the admin's pages and the management API take with a million keys and ten million ledger entries.

.venv/bin/python -m benchmarks.pages                   # everything; the filling takes some minutes
.venv/bin/python -m benchmarks.pages --rows 0.01 --only virtualkey,ledger --json figures.json
.venv/bin/python -m benchmarks.pages --database-url postgres://...   # one's own; filled unless it already is
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.gateway import MASTER_KEY, migrate
from tests.services import postgres

if TYPE_CHECKING:
    from benchmarks.pages_measure import Figure

GOAL_MS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1.0, help="how much of everything, 1 is ten million entries")
    parser.add_argument("--only", default="", help="parts of addresses, with commas between")
    parser.add_argument("--database-url", default="", help="of a PostgreSQL to use instead of a private one")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.database_url or stack.enter_context(postgres()).url
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="tollkeeper-bench-"))
        wanted = [part for part in options.only.split(",") if part]
        figures = sorted(_figures(url, data, options.rows, wanted), key=lambda figure: -figure.milliseconds)
    _print(figures)
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1))


def _figures(url: str, data: str, factor: float, wanted: list[str]) -> "list[Figure]":
    migrate(url)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "gateway_project.settings",
        "DATABASE_URL": url,
        "TOLLKEEPER_DATA": data,
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "TOLLKEEPER_SECRET_KEY": secrets.token_hex(32),
        # The same each time: a database that is filled already holds what it encrypted.
        "TOLLKEEPER_ENCRYPTION_KEYS": base64.urlsafe_b64encode(hashlib.sha256(b"pages").digest()).decode(),
    }
    # Importing it sets Django up, from the environment of just now.
    from benchmarks.pages_measure import filled, finish, measure  # noqa: PLC0415

    people = filled(factor)
    try:
        return list(measure(people, lambda path: not wanted or any(part in path for part in wanted)))
    finally:
        finish()


def _print(figures: "list[Figure]") -> None:
    print(f"{'ms':>9} {'queries':>7} {'slowest':>9}  page")
    for figure in figures:
        mark = "!" if figure.milliseconds > GOAL_MS or figure.status >= 400 else " "
        print(f"{figure.milliseconds:9.1f} {figure.queries:7} {figure.slowest_ms:9.1f} {mark}{figure.status} "
              f"{figure.who}: {figure.path}")  # fmt: skip
    over = sum(figure.milliseconds > GOAL_MS for figure in figures)
    print(f"{len(figures)} pages, {over} over {GOAL_MS} ms")


if __name__ == "__main__":
    main()
