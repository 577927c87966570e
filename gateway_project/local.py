"""The data folder: where an embedded installation keeps its database, its spool and its secrets."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.fernet import Fernet

SECRETS_FILE = "secrets.json"


def data_folder() -> Path:
    """`TOLLKEEPER_DATA`, else `./tollkeeper-data`. Not created here."""
    return Path(os.environ.get("TOLLKEEPER_DATA") or "tollkeeper-data").absolute()


@dataclass(frozen=True)
class LocalSecrets:
    secret_key: str
    encryption_key: str
    master_key: str
    admin_password: str


def load_secrets(folder: Path) -> LocalSecrets | None:
    """The secrets made at the first run, or None before it."""
    try:
        stored = json.loads((folder / SECRETS_FILE).read_text())
    except FileNotFoundError:
        return None
    return LocalSecrets(**stored)


def load_or_create_secrets(folder: Path) -> tuple[LocalSecrets, bool]:
    """The secrets, and whether this call made them."""
    if found := load_secrets(folder):
        return found, False
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = LocalSecrets(
        secret_key=secrets.token_urlsafe(50),
        encryption_key=Fernet.generate_key().decode(),
        master_key=f"sk-{secrets.token_urlsafe(24)}",
        admin_password=secrets.token_urlsafe(12),
    )
    _write_private(folder / SECRETS_FILE, json.dumps(asdict(made), indent=2))
    return made, True


def _write_private(path: Path, text: str) -> None:
    """Written aside and renamed: a kill in between must not leave half a file that blocks the next start."""
    aside = path.with_suffix(".new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
