"""The form of a channel: what each kind wants, and what its transport finds wrong."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from alerts.desk import Desk, channel_problems
from alerts.encrypted import keep_stored_secrets
from alerts.models import AlertChannel, ChannelKind
from alerts.transports import TRANSPORTS

WANTS: Mapping[str, Any] = {
    ChannelKind.SLACK: _(
        "Address: the incoming webhook's, such as https://hooks.slack.com/services/... Mattermost's webhooks work "
        "too, and Discord's with /slack at the end."
    ),
    ChannelKind.DISCORD: _("Address: the webhook's, from the channel's integrations."),
    ChannelKind.MS_TEAMS: _("Address: that of a workflow which begins when a webhook request is received."),
    ChannelKind.PAGERDUTY: _(
        "Secret: the integration key of a service with Events API v2. Its incidents open, are acknowledged and "
        "resolved along with those here."
    ),
    ChannelKind.EMAIL: _(
        'Options: {"to": ["ops@example.com"]}, or {"owners": true} for those whom an alert concerns. The mail server '
        "is that of the environment (SMTP_HOST)."
    ),
    ChannelKind.WEBHOOK: _("Address: whatever takes JSON by POST. Secret: what its signature is made with."),
    ChannelKind.ALERTMANAGER: _("Address: the Alertmanager's own. Secret: a bearer token, where it wants one."),
    ChannelKind.APPRISE: _("Address: one of Apprise's, such as json://host or tgram://token/chat."),
}


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    # Of whoever fills it in; set by the page.
    desk = Desk(is_operators=True)

    class Meta:
        model = AlertChannel
        fields = ("name", "kind", "url", "secret", "options", "most_per_minute", "team_id", "enabled")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        kind = self.fields.get("kind")
        if isinstance(kind, forms.ChoiceField):
            # What nobody here can speak to is not offered, and stays where it is stored.
            known = {*TRANSPORTS, self.instance.kind, ""}
            kind.choices = [(value, words) for value, words in ChannelKind.choices if value in known]

    def clean(self) -> dict[str, Any] | None:
        secret_is_given = bool(self.cleaned_data.get("secret"))
        keep_stored_secrets(self)
        cleaned = super().clean()
        if "kind" in self.cleaned_data:
            stored = None if self.instance._state.adding else AlertChannel.objects.get(pk=self.instance.pk)
            typed = AlertChannel(**self._told())
            found = channel_problems(typed, self.desk, stored=stored, secret_is_given=secret_is_given)
            for column, problem in found.items():
                self.add_error(column if column in self.fields else None, problem)
        return cleaned

    def _told(self) -> dict[str, Any]:
        names = ("name", "kind", "url", "secret", "options", "team_id")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}
