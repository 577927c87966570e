"""What a new installation still needs, ticked off by what the database says, for those who may do it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db.models import Case, IntegerField, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

import alerts.services
from budgets.models import DailySpend
from gateway_project.demo import FAILING_MODEL, ID_PREFIX
from gateway_project.home.first_request import curl_of
from gateway_project.local import load_secrets
from gateway_project.models import ChecklistDismissal
from gateway_project.navigation import may_add
from proxy.models import Deployment
from teams.models import Team, User, VirtualKey
from teams.services import ADMIN_USER_ID

Channels = Sequence[alerts.services.OwnChannel]


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    said: str
    link: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Checklist:
    """`is_shown` is False once the person has put it away; `curl` is the first request to try."""

    steps: tuple[Step, ...]
    is_shown: bool
    curl: str

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)


def checklist(request: HttpRequest) -> Checklist | None:
    """None when all is done, and for whoever may do nothing of it. A fixed number of queries."""
    channels = alerts.services.gateways_channels() if may_add(request, "alerts.AlertChannel") else []
    wanted: list[tuple[bool, Callable[[], Step]]] = [
        (bool(request.user.is_superuser), _password),
        (may_add(request, "proxy.Deployment"), _deployment),
        (may_add(request, "alerts.AlertChannel"), lambda: _channel(channels)),
        (may_add(request, "alerts.AlertRoute"), lambda: _route(channels)),
        (may_add(request, "alerts.AlertChannel"), lambda: _fired(channels)),
        (may_add(request, "teams.Team"), _team),
        (may_add(request, "teams.VirtualKey"), _key),
    ]
    steps = [make() for may, make in wanted if may]
    if not steps:
        return None
    steps.append(_called())
    if all(step.is_done for step in steps):
        return None
    is_away = ChecklistDismissal.objects.filter(user=request.user.pk).exists()
    return Checklist(tuple(steps), is_shown=not is_away, curl=_curl(request))


def _password() -> Step:
    """Of the admin whom the first start made; where another way gave the password there is nothing to ask for."""
    made = load_secrets(settings.DATA_DIR)
    stored = User.objects.filter(pk=ADMIN_USER_ID, is_active=True).values_list("password", flat=True).first()
    is_first = bool(made and stored) and _is_password(made.admin_password, str(stored))  # type: ignore[union-attr]
    return Step(
        _("Change the admin's password"),
        _("The first one was printed at the first start and stands in secrets.json."),
        reverse("admin:password_change"),
        not is_first,
    )


@lru_cache(maxsize=8)
def _is_password(password: str, stored: str) -> bool:
    """Slow by design: once for each password that is stored."""
    return check_password(password, stored)


def _deployment() -> Step:
    own = Deployment.objects.exclude(id__startswith=ID_PREFIX)
    return Step(
        _("Add a deployment"),
        _("A provider's model, with its credentials, under the name that clients ask for."),
        reverse("admin:proxy_deployment_add"),
        own.exists(),
    )


def _channel(channels: Channels) -> Step:
    return Step(
        _("Add an alert channel"),
        _("Where the gateway tells that something is wrong: Slack, Teams, PagerDuty, e-mail, a webhook."),
        reverse("admin:alerts_alertchannel_add"),
        bool(channels),
    )


def _route(channels: Channels) -> Step:
    without = next((channel.pk for channel in channels if not channel.has_route), None)
    query = {"name": _("everything else"), **({"channels": str(without)} if without else {})}
    return Step(
        _("Lead alerts to it"),
        _("A route says which alerts a channel is told; one without conditions takes every alert."),
        reverse("admin:alerts_alertroute_add", query=query),
        any(channel.has_route for channel in channels),
    )


def _fired(channels: Channels) -> Step:
    untried = next((channel.pk for channel in channels if not channel.has_delivered), None)
    return Step(
        _("Fire a sample through it"),
        _("On the channel's page: it takes the way of a real alert, and shows that somebody hears of it."),
        reverse("admin:alerts_alertchannel_changelist")
        if untried is None
        else reverse("admin:alerts_alertchannel_change", args=[untried]),
        any(channel.has_delivered for channel in channels),
    )


def _team() -> Step:
    return Step(
        _("Make a team"),
        _("Whose spend is told apart, and may have a budget."),
        reverse("admin:teams_team_add"),
        Team.objects.exists(),
    )


def _key() -> Step:
    return Step(
        _("Make a virtual key"),
        _("What a client sends as its API key; it is shown once."),
        reverse("admin:teams_virtualkey_add"),
        VirtualKey.objects.exists(),
    )


def _called() -> Step:
    return Step(
        _("Send a first request"),
        _("With the key, to one of the models: the command is below."),
        "",
        DailySpend.objects.exists(),
    )


def _curl(request: HttpRequest) -> str:
    """To an own deployment, where there is one."""
    own = Case(When(id__startswith=ID_PREFIX, then=1), default=0, output_field=IntegerField())
    known = Deployment.objects.filter(blocked=False).exclude(model_name=FAILING_MODEL).order_by(own, "model_name")
    names = known.values_list("model_name", flat=True)[:20]
    model = next((name for name in names if "*" not in name and name.isprintable()), "gpt-4o")
    return curl_of(request, model)
