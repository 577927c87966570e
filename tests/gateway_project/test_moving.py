"""docs/moving-from-litellm.md: what it says works is there, and what it says is missing is not."""

import re
from typing import Any

import pytest
from django.urls import Resolver404, resolve

from alerts.events import AlertType
from gateway_project.moving import ALERTS_DIFFER, AREAS, NO_ALERTS, NO_EFFECT
from gateway_project.moving_document import PAGE, page
from proxy.config.alerting_schema import AlertingArgs
from proxy.config.document import without_effect
from proxy.config.general_schema import GeneralSettings
from proxy.config.litellm_schema import LitellmSettings
from proxy.config.router_schema import RouterSection

OFFERED = [route for area in AREAS for route in area.named()]
MISSING = [name for area in AREAS for name in area.missing]


def is_served(method: str, path: str) -> bool:
    try:
        view: Any = resolve(re.sub(r"\{\w+\}", "x", path)).func
    except Resolver404:
        return False
    actions = getattr(view, "actions", None)
    served = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return method.lower() in actions if actions else hasattr(served, method.lower())


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run: python -m gateway_project.moving_document"


@pytest.mark.parametrize(("method", "path"), OFFERED)
def test_a_route_that_works_is_served(method: str, path: str) -> None:
    assert is_served(method, path)


@pytest.mark.parametrize("name", MISSING)
def test_a_route_that_is_missing_is_not_served(name: str) -> None:
    assert not is_served(*name.split())


def test_a_note_is_about_a_route_that_is_offered() -> None:
    noted = {name for area in AREAS for name in area.differs}

    assert noted <= {f"{method} {path}" for method, path in OFFERED}


def test_every_key_without_effect_has_its_reason_and_no_other() -> None:
    assert set(NO_EFFECT) == {f"{section}.{name}" for section, names in without_effect().items() for name in names}


def test_keys_that_differ_are_settings() -> None:
    (table,) = re.findall(r"\| key \| here \|\n(.*?)\n\n", PAGE.read_text(), re.DOTALL)
    known = {
        *(f"general_settings.{name}" for name in GeneralSettings.model_fields),
        *(f"general_settings.alerting_args.{name}" for name in AlertingArgs.model_fields),
        *(f"litellm_settings.{name}" for name in LitellmSettings.model_fields),
        *(f"router_settings.{name}" for name in RouterSection.model_fields),
    }

    named = [row.split("|")[1] for row in table.splitlines()[1:]]
    first = [re.findall(r"`([\w.]+)`", cell)[0] for cell in named]
    assert len(first) > 5
    assert set(first) <= known


def test_alert_types_are_what_they_are_called() -> None:
    assert ALERTS_DIFFER.keys() <= set(AlertType)
    assert not NO_ALERTS.keys() & set(AlertType)
