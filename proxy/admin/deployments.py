"""Admin pages of deployments and settings."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alerts.addresses import AddressRefused
from alerts.encrypted import keep_stored_secrets
from budgets.models import LedgerEntry
from proxy import health_checks
from proxy.addresses import ensure_addresses_allowed
from proxy.deployment_panel import CHECKS_SHOWN, checks_table, last_check, status_panel, weight_and_order
from proxy.deployments import build
from proxy.models import Deployment, HealthCheck, validate_params
from proxy.standing import COLORS, NOTHING, standings
from teams.admin.filters import ChoiceFilter, FieldFilter
from teams.admin.page import STAMPS, TECHNICAL, once_a_row
from teams.admin.scope import GlobalPage
from teams.admin.texts import said
from teams.admin.verbs import Done, Verb, VerbPage
from teams.errors import Invalid

# The ledger has no index by deployment: as far back as a scan by time goes quickly.
LEDGER_LINKED = timedelta(days=7)


class DeploymentForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Deployment
        fields = ("id", "model_name", "litellm_params", "credentials", "model_info")

    def clean_litellm_params(self) -> dict[str, Any]:
        """What the form takes for empty, the column's own rule is not asked about."""
        params: dict[str, Any] = self.cleaned_data["litellm_params"]
        validate_params(params)
        return params

    def clean(self) -> dict[str, Any] | None:
        keep_stored_secrets(self)
        cleaned = super().clean()
        params = self.cleaned_data.get("litellm_params")
        # A form that leaves the parameters alone is none in which an address was typed. `changed_data` would take the
        # browser's word for what they were.
        if isinstance(params, dict) and params != self.initial.get("litellm_params"):
            try:
                ensure_addresses_allowed(params)
            except AddressRefused as refusal:
                self.add_error(
                    "litellm_params", gettext("This model could take no request: %(why)s.") % {"why": refusal}
                )
        return cleaned


class ServiceFilter(FieldFilter):
    title = _("state")
    parameter_name = "state"
    options = (("in_service", _("In service")), ("drained", _("Drained")))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        known = {"in_service": False, "drained": True}
        return queryset.filter(blocked=known[self.value()]) if self.value() in known else queryset


def may_operate(request: HttpRequest, deployment: Deployment) -> bool:
    return bool(admin.site._registry[Deployment].has_change_permission(request, deployment))


def drain(request: HttpRequest, deployment: Deployment, __: dict[str, Any]) -> Done:
    deployment.blocked = True
    deployment.save(update_fields=["blocked", "updated_at", "updated_by"])
    others = Deployment.objects.filter(model_name=deployment.model_name, blocked=False).exists()
    sentence = (
        _("%(deployment)s takes no new requests; those that are running finish.")
        if others
        else _(
            "%(deployment)s takes no new requests; those that are running finish. Nothing is left in service for "
            "%(group)s."
        )
    )
    return Done(said(sentence, deployment=deployment, group=deployment.model_name))


def restore(request: HttpRequest, deployment: Deployment, __: dict[str, Any]) -> Done:
    deployment.blocked = False
    deployment.save(update_fields=["blocked", "updated_at", "updated_by"])
    return Done(said(_("%(deployment)s is in service again."), deployment=deployment))


def check_now(request: HttpRequest, deployment: Deployment, given: dict[str, Any]) -> Done:
    now = timezone.now()
    try:
        built = build(deployment, now=now, defaults=health_checks.default_params())
    except ValueError as error:
        raise Invalid(
            gettext("%(deployment)s cannot be asked: %(why)s") % {"deployment": deployment, "why": error}
        ) from None
    ((__, found),) = health_checks.check([built], concurrency=1, checked_by=str(request.user.pk), at=now)
    if not found.healthy:
        why = {"deployment": deployment, "why": found.error}
        raise Invalid(gettext("%(deployment)s does not answer as it should: %(why)s") % why)
    if found.note:
        return Done(f"{deployment}: {found.note}.")
    took = f"{found.seconds * 1000:,.0f}"
    return Done(said(_("%(deployment)s: it answered in %(took)s ms."), deployment=deployment, took=took))


VERBS = (
    Verb(name="drain", title=_("Drain"), icon="block", danger=True, for_many=True, may=may_operate, do=drain,
         fits=lambda row: not row.blocked,
         question=_("It takes no new requests on any process, within two seconds; those that are running finish.")),
    Verb(name="restore", title=_("Return to service"), icon="play_arrow", for_many=True, may=may_operate, do=restore,
         fits=lambda row: row.blocked, question=_("It takes requests again on every process, within two seconds.")),
    Verb(name="check_now", title=_("Check now"), icon="stethoscope", slow=True, may=may_operate, do=check_now,
         question=_("It is sent the smallest real request of its kind, which its provider bills.")),
)  # fmt: skip


@admin.register(Deployment)
class DeploymentPage(VerbPage, GlobalPage):
    form = DeploymentForm
    verbs = VERBS
    facts = ("status", "last_checks", "ledger", "source", *STAMPS)
    list_display = (
        "model_name", "upstream_model", "provider", "state", "in_flight", "last_minute", "last_check", "choice",
        "price", "id", "source",
    )  # fmt: skip
    sortable_by = ("model_name", "id", "source")
    list_filter = (ServiceFilter, ("source", ChoiceFilter))
    list_filter_submit = True
    search_fields = ("id", "model_name")
    search_help_text = _("Id or model group")
    fieldsets = (
        (_("Identity"), {"fields": ("model_name", "id")}),
        (_("State"), {"fields": ("status", "last_checks", "ledger")}),
        (_("Upstream"), {"fields": ("litellm_params", "credentials", "model_info")}),
        (
            TECHNICAL,
            {
                "classes": ["collapse"],
                "fields": ("source", ("created_at", "created_by"), ("updated_at", "updated_by")),
            },
        ),
    )

    def readonly(self, request: HttpRequest, obj: Deployment | None) -> tuple[str, ...]:
        # Ledger entries refer to the id; another id would be another deployment.
        return ("id",) if obj else ()

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        found = standings(rows)
        for row in rows:
            row.standing = found[row.pk]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            ledger = self.admin_site._registry.get(LedgerEntry)
            row.sees_ledger = ledger is not None and ledger.has_view_permission(request)
        return row

    @admin.display(description=_("upstream model"))
    def upstream_model(self, deployment: Deployment) -> str:
        params = deployment.litellm_params
        return str(params.get("model", "")) if isinstance(params, dict) else ""

    @admin.display(description=_("provider"))
    def provider(self, row: Any) -> str:
        built = row.standing.built
        return built.provider.name if built else NOTHING

    @display(description=_("state"), ordering="blocked", label=COLORS)  # type: ignore[untyped-decorator]
    def state(self, row: Any) -> tuple[str, str]:
        return row.standing.state, row.standing.text

    @admin.display(description=_("in flight"))
    def in_flight(self, row: Any) -> str:
        return str(row.standing.in_flight)

    @admin.display(description=_("requests, last minute"))
    def last_minute(self, row: Any) -> str:
        return str(row.standing.requests)

    @admin.display(description=_("last check"))
    def last_check(self, row: Any) -> SafeString | str:
        return last_check(row.standing, now=timezone.now())

    @admin.display(description=_("weight and order"))
    def choice(self, row: Any) -> str:
        return weight_and_order(row.standing)

    @admin.display(description=_("price of 1M tokens"))
    def price(self, row: Any) -> str:
        return str(row.standing.price)

    @admin.display(description=_("status"))
    @once_a_row
    def status(self, deployment: Deployment) -> SafeString:
        now = timezone.now()
        standing = standings([deployment])[deployment.pk]
        return status_panel(standing, problem=_problem(deployment, now=now), now=now)

    @admin.display(description=_("last checks"))
    @once_a_row
    def last_checks(self, deployment: Deployment) -> SafeString | str:
        rows = HealthCheck.objects.filter(deployment_id=deployment.pk).order_by("-checked_at", "-id")
        return checks_table(list(rows[:CHECKS_SHOWN]))

    @admin.display(description=_("ledger"))
    def ledger(self, deployment: Any) -> SafeString | str:
        if not deployment.sees_ledger:
            return NOTHING
        since = (timezone.now() - LEDGER_LINKED).replace(microsecond=0).isoformat()
        query = {"deployment_id__exact": deployment.pk, "started_at__gte": since}
        address = reverse("admin:budgets_ledgerentry_changelist", query=query)
        return format_html(
            '<a href="{}" class="text-link">{}</a>', address, gettext("What it was asked in the last week")
        )


def _problem(deployment: Deployment, *, now: datetime) -> str:
    """Why the routing table cannot take it; empty when it can."""
    try:
        build(deployment, now=now, defaults=health_checks.default_params())
    except ValueError as error:
        return str(error)
    return ""
