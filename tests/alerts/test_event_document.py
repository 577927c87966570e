"""docs/alert-catalogue.md has every event, as its class says."""

import pytest

from alerts.events import AlertType, Event
from alerts.events.document import PAGE, event_classes, page
from proxy.config.alerting_schema import AlertingArgs
from proxy.config.general_schema import GeneralSettings
from proxy.config.litellm_schema import LitellmSettings
from proxy.config.router_schema import RouterSection
from tests.alerts.test_events import kinds_of_event

ABSTRACT = {"BudgetEvent", "CallEvent", "DeploymentEvent", "DeploymentOutage", "RegionOutage"}


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run: python -m alerts.events.document"


def test_every_event_that_can_be_raised_is_there() -> None:
    wanted = {kind for kind in kinds_of_event() if kind.__name__ not in ABSTRACT}

    assert wanted - set(event_classes()) == set()


def test_every_alert_type_has_an_event() -> None:
    assert {kind.alert_type for kind in event_classes()} == set(AlertType)


@pytest.mark.parametrize("kind", event_classes(), ids=lambda kind: kind.__name__)
def test_settings_that_shape_an_event_exist(kind: type[Event]) -> None:
    known = {
        *GeneralSettings.model_fields,
        *LitellmSettings.model_fields,
        *RouterSection.model_fields,
        *(f"alerting_args.{name}" for name in AlertingArgs.model_fields),
    }

    assert set(kind.shaped_by) <= known
