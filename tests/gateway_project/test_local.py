"""The secrets of an embedded installation: made once, for their owner's eyes."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gateway_project.local import SECRETS_FILE, load_or_create_secrets, load_secrets


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_handed() -> Iterator[None]:
    """The umask of somebody who shares everything."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_secrets_are_made_at_the_first_run_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made, first_run = load_or_create_secrets(folder)

    assert first_run
    assert (mode(folder), mode(folder / SECRETS_FILE)) == (0o700, 0o600)
    assert made.master_key.startswith("sk-")
    assert len(made.master_key) >= 32
    assert len(made.secret_key) >= 50
    Fernet(made.encryption_key)


def test_the_second_run_uses_the_same(tmp_path: Path) -> None:
    made, _ = load_or_create_secrets(tmp_path)

    assert load_or_create_secrets(tmp_path) == (made, False)
    assert load_secrets(tmp_path) == made


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    one, _ = load_or_create_secrets(tmp_path / "one")
    other, _ = load_or_create_secrets(tmp_path / "other")

    assert not set(asdict(one).values()) & set(asdict(other).values())


def test_before_the_first_run_there_are_none(tmp_path: Path) -> None:
    assert load_secrets(tmp_path / "nowhere") is None


def test_a_run_that_was_killed_in_between_does_not_block_the_next(tmp_path: Path) -> None:
    (tmp_path / "secrets.new").write_text('{"half": "a file')
    (tmp_path / "secrets.new").chmod(0o600)
    made, first_run = load_or_create_secrets(tmp_path)

    assert first_run
    assert json.loads((tmp_path / SECRETS_FILE).read_text())["master_key"] == made.master_key
    assert mode(tmp_path / SECRETS_FILE) == 0o600


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    load_or_create_secrets(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [SECRETS_FILE]
