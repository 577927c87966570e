"""What must be true before anything starts."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway_project.launch import Launch, LaunchError, is_loopback, prepare_environment
from proxy.config.schema import Document

STRONG = "sk-0123456789abcdefghij"
POSTGRES, REDIS = "postgres://u@h/d", "redis://h:6379/0"


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder of its own and none of the machine's variables."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("LITELLM_", "REDIS_", "DATABASE_", "TOLLKEEPER_")):
            del os.environ[name]
    os.environ["TOLLKEEPER_DATA"] = str(tmp_path / "data")
    yield tmp_path / "data"
    os.environ.clear()
    os.environ.update(before)


def launch(
    *, host: str = "127.0.0.1", workers: int = 1, permit_weak: bool = False, **sections: dict[str, Any]
) -> Launch:
    document = Document.model_validate(sections)
    return prepare_environment(document=document, host=host, workers=workers, permit_weak=permit_weak)


WEAK = ["sk-1234", "changeme", "test", "sk-short", "sk-123456789012", "a" * 15]


@pytest.mark.parametrize("key", WEAK)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example", "", "127.0.0.1.example"])
def test_a_weak_master_key_is_refused_on_a_public_address(key: str, host: str) -> None:
    with pytest.raises(LaunchError, match="LITELLM_MASTER_KEY"):
        launch(host=host, general_settings={"master_key": key})


@pytest.mark.parametrize("key", WEAK)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_a_weak_master_key_is_warned_of_on_this_machine(key: str, host: str) -> None:
    assert len(launch(host=host, general_settings={"master_key": key}).warnings) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_strong_master_key_is_fine_everywhere(host: str) -> None:
    assert launch(host=host, general_settings={"master_key": STRONG}).warnings == ()


@pytest.mark.parametrize("way", ["argument", "file", "variable"])
def test_whoever_insists_on_a_weak_key_is_warned(way: str) -> None:
    general: dict[str, Any] = {"master_key": "sk-1234"}
    if way == "file":
        general["dangerously_permit_weak_or_unset_master_key"] = True
    if way == "variable":
        os.environ["LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"] = "True"

    assert len(launch(host="0.0.0.0", permit_weak=way == "argument", general_settings=general).warnings) == 1


def test_the_key_of_the_file_wins_over_the_variable_and_that_over_the_one_that_was_made() -> None:
    made = launch().secrets.master_key
    assert os.environ["LITELLM_MASTER_KEY"] == made
    os.environ["LITELLM_MASTER_KEY"] = STRONG
    launch()
    assert os.environ["LITELLM_MASTER_KEY"] == STRONG
    launch(general_settings={"master_key": STRONG + "x"})
    assert os.environ["LITELLM_MASTER_KEY"] == STRONG + "x"


@pytest.mark.parametrize(
    "stores",
    [
        {},
        {"DATABASE_URL": POSTGRES},
        {"REDIS_URL": REDIS},
        {"DATABASE_URL": "sqlite:///x", "REDIS_URL": REDIS},
        {"DATABASE_URL": "mysql://h/d", "REDIS_URL": REDIS},
    ],
    ids=repr,
)
def test_several_workers_are_refused_without_stores_they_can_share(stores: dict[str, str]) -> None:
    os.environ.update(stores)
    with pytest.raises(LaunchError, match="--num_workers 2 needs PostgreSQL and Redis"):
        launch(workers=2)


@pytest.mark.parametrize("redis", [{"REDIS_URL": REDIS}, {"REDIS_HOST": "h"}], ids=repr)
def test_several_workers_start_with_postgresql_and_redis(redis: dict[str, str]) -> None:
    os.environ.update({"DATABASE_URL": POSTGRES, **redis})

    assert launch(workers=2).first_run


def test_the_file_may_name_the_stores_and_the_environment_wins() -> None:
    os.environ["REDIS_HOST"] = "from-the-environment"
    launch(
        workers=2,
        general_settings={"database_url": POSTGRES},
        router_settings={"redis_host": "from-the-file", "redis_port": 6380, "redis_password": "p"},
    )

    assert os.environ["DATABASE_URL"] == POSTGRES
    assert (os.environ["REDIS_HOST"], os.environ["REDIS_PORT"]) == ("from-the-environment", "6380")


def test_a_data_folder_that_cannot_be_made_is_told(data: Path) -> None:
    data.write_text("in the way")

    with pytest.raises(LaunchError, match="TOLLKEEPER_DATA"):
        launch()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
