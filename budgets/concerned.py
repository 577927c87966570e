"""Whom the alert of a budget concerns: ids as LiteLLM's webhook names them, and the mail addresses that were set up.

Addresses are those of the owner, and of the metadata that LiteLLM keeps lists in: `soft_budget_alerting_emails` of a
team, `max_budget_alert_emails` of a key and `team_member_max_budget_alert_emails` of a team, each by percentage.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from budgets.core.allowances import owner_and_model
from budgets.core.thresholds import SOFT
from budgets.models import Scope
from teams.models import Customer, Membership, Organization, Team, User, VirtualKey

MOST_ADDRESSES = 50


@dataclass(frozen=True, slots=True)
class Concerned:
    """`name` is for people, `ids` are fields of LiteLLM's webhook body, `emails` those to be told by mail."""

    name: str
    ids: Mapping[str, str] = field(default_factory=dict)
    emails: tuple[str, ...] = ()


def concerned_by(scope: str, entity_id: str, *, threshold: str) -> Concerned:
    """Who has the budget; where nobody of that id is left, the id alone."""
    owner, model = owner_and_model(entity_id)
    found = _LOOKED_UP[Scope(scope)](owner, threshold) if Scope(scope) in _LOOKED_UP else Concerned(owner)
    return Concerned(f"{found.name}, {model}", found.ids, found.emails) if model else found


def _key(entity_id: str, threshold: str) -> Concerned:
    row = VirtualKey.objects.select_related("user", "team", "organization").filter(pk=entity_id).first()
    if row is None:
        return Concerned(entity_id)
    return Concerned(
        str(row),
        _filled(token=row.token_hash, key_alias=row.alias, **_of_user(row.user), **_of_team(row.team)),
        _addresses([row.user.email if row.user else ""], _listed(row.metadata, "max_budget_alert_emails", threshold)),
    )


def _team(entity_id: str, threshold: str) -> Concerned:
    row = Team.objects.filter(pk=entity_id).first()
    if row is None:
        return Concerned(entity_id)
    by_percent = _listed(row.metadata, "max_budget_alert_emails", threshold)
    soft = _texts(row.metadata.get("soft_budget_alerting_emails")) if threshold == SOFT else []
    return Concerned(str(row), _filled(**_of_team(row)), _addresses(by_percent, soft))


def _member(entity_id: str, threshold: str) -> Concerned:
    row = Membership.objects.select_related("user", "team").filter(pk=entity_id).first()
    if row is None:
        return Concerned(entity_id)
    listed = _listed(row.team.metadata, "team_member_max_budget_alert_emails", threshold)
    return Concerned(
        str(row), _filled(**_of_user(row.user), **_of_team(row.team)), _addresses([row.user.email], listed)
    )


def _user(entity_id: str, threshold: str) -> Concerned:
    row = User.objects.filter(pk=entity_id).first()
    return Concerned(str(row), _filled(**_of_user(row)), _addresses([row.email])) if row else Concerned(entity_id)


def _organization(entity_id: str, threshold: str) -> Concerned:
    row = Organization.objects.filter(pk=entity_id).first()
    return Concerned(str(row) if row else entity_id, {"organization_id": entity_id})


def _customer(entity_id: str, threshold: str) -> Concerned:
    row = Customer.objects.filter(pk=entity_id).first()
    return Concerned(str(row) if row else entity_id, {"customer_id": entity_id})


_LOOKED_UP: Mapping[Scope, Callable[[str, str], Concerned]] = {
    Scope.KEY: _key,
    Scope.KEY_MODEL: _key,
    Scope.TEAM: _team,
    Scope.TEAM_MODEL: _team,
    Scope.MEMBER: _member,
    Scope.USER: _user,
    Scope.ORGANIZATION: _organization,
    Scope.CUSTOMER: _customer,
}


def _of_user(user: User | None) -> dict[str, str | None]:
    return {"user_id": user.pk, "user_email": user.email} if user else {}


def _of_team(team: Team | None) -> dict[str, str | None]:
    return {"team_id": team.pk, "team_alias": team.alias, "organization_id": team.organization_id} if team else {}


def _filled(**ids: str | None) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value}


def _listed(metadata: Any, name: str, threshold: str) -> list[str]:
    lists = metadata.get(name) if isinstance(metadata, dict) else None
    return _texts(lists.get(threshold)) if isinstance(lists, dict) else []


def _texts(value: Any) -> list[str]:
    """A list, or a text with commas."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [part.strip() for part in parts if isinstance(part, str)]


def _addresses(*lists: Iterable[str]) -> tuple[str, ...]:
    found = dict.fromkeys(one for some in lists for one in some if one and _is_address(one))
    return tuple(found)[:MOST_ADDRESSES]


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
