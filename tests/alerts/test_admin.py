"""Channels in the admin: each kind's own problems stand at the field they are of."""

from typing import Any

import pytest

from alerts.admin import ChannelForm
from alerts.models import AlertChannel
from tests.alerts.transports.cases import HTTP_CASES, KEY, HttpCase

pytestmark = pytest.mark.django_db


def form(instance: AlertChannel | None = None, **columns: Any) -> ChannelForm:
    plain = {
        "name": "ops",
        "kind": "slack",
        "url": "https://hooks.example/hidden",
        "most_per_minute": 20,
        "options": {},
    }
    return ChannelForm({**plain, **columns}, instance=instance)


@pytest.mark.parametrize("case", HTTP_CASES, ids=lambda case: case.kind)
def test_a_channel_of_each_kind_is_saved_as_it_was_given(case: HttpCase) -> None:
    made = case.channel()
    filled = form(kind=case.kind, url=made.url, secret=made.secret, options=made.options)

    assert filled.errors == {}
    saved = AlertChannel.objects.get(pk=filled.save().pk)
    assert (saved.url, saved.secret, saved.options) == (made.url, made.secret, made.options)


def test_mail_and_apprise_are_saved_too() -> None:
    assert form(kind="email", url="", options='{"to": ["ops@example.com"]}').errors == {}
    assert form(kind="apprise", url="json://hooks.example/hidden").errors == {}


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://hooks.example/hidden"}, "url"),
        ({"url": "https://contoso.webhook.office.com/hidden"}, "url"),
        ({"options": '{"colour": "red"}'}, "options"),
        ({"options": '["blocks"]'}, "options"),
        ({"kind": "pagerduty", "url": "", "secret": "short"}, "secret"),
        ({"kind": "webhook", "secret": "whsec_?"}, "secret"),
        ({"kind": "email", "url": ""}, "options"),
        ({"kind": "discord", "url": "https://discord.com/api/webhooks/1/hidden/slack"}, "url"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(columns: dict[str, Any], field: str) -> None:
    errors = form(**columns).errors

    assert set(errors) == {field}
    assert "hidden" not in str(errors)


def test_a_secret_left_empty_is_kept_and_still_fits_its_kind() -> None:
    stored = AlertChannel.objects.create(name="on call", kind="pagerduty", secret=KEY)
    filled = form(AlertChannel.objects.get(pk=stored.pk), name="on call", kind="pagerduty", url="", secret="")

    assert filled.errors == {}
    assert AlertChannel.objects.get(pk=filled.save().pk).secret == KEY
