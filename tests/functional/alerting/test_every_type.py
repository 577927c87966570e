"""No alert type without a test that it is told and one that it is not."""

import importlib
import pkgutil

import pytest

from alerts.events import AlertType
from tests.functional import alerting
from tests.functional.alerting.proofs import SPARED, TOLD


@pytest.fixture(autouse=True, scope="module")
def _all_tests() -> None:
    for module in pkgutil.iter_modules(alerting.__path__, f"{alerting.__name__}."):
        importlib.import_module(module.name)


@pytest.mark.parametrize("alert_type", AlertType)
def test_every_alert_type_is_shown_to_be_told_and_to_be_spared(alert_type: AlertType) -> None:
    assert TOLD.get(alert_type), f"add a test that {alert_type} is told, marked @tells"
    assert SPARED.get(alert_type), f"add a test of what comes near {alert_type} and tells nobody, marked @spares"
