"""What tests of pages ask for, and the database of the tests of money."""

from collections.abc import Iterator

import pytest
from django.test import Client

from proxy import runtime
from proxy.policy import Policy
from proxy.runtime import Runtime
from tests.budgets.conftest import django_db_modify_db_settings
from tests.gateway_project.pages import superuser

__all__ = ["django_db_modify_db_settings"]


@pytest.fixture
def page(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(superuser())
    return client


@pytest.fixture
def web_process() -> Iterator[Runtime]:
    """What a page in a web process looks at; it is not started."""
    made = Runtime()
    made.policy = Policy()
    runtime.set_running(made)
    try:
        yield made
    finally:
        runtime.set_running(None)
