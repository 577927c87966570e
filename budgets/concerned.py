"""Whom the alert of a budget concerns: ids as LiteLLM's webhook names them, and the mail addresses that were set up.

Addresses are those of the owner, of the lists by percentage (budgets.mail_lists), and `soft_budget_alerting_emails` of
a team.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from budgets.core.allowances import owner_and_model
from budgets.core.thresholds import SOFT
from budgets.mail_lists import KEY_LIST, MEMBER_LIST, TEAM_LIST, default_lists, listed, read_lists, read_texts
from budgets.models import Scope
from teams.models import Customer, Membership, Organization, Team, User, VirtualKey

MOST_ADDRESSES = 50


@dataclass(frozen=True, slots=True)
class Concerned:
    """`name` is for people, `ids` are fields of LiteLLM's webhook body, `emails` those to be told by mail.

    Of them, `listed` are in a list, and not there for owning something.
    """

    name: str
    ids: Mapping[str, str] = field(default_factory=dict)
    emails: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


def concerned_by(scope: str, entity_id: str, *, thresholds: Sequence[str]) -> Concerned:
    """Who has the budget; where nobody of that id is left, the id alone. `thresholds` are those newly reached."""
    owner, model = owner_and_model(entity_id)
    found = _LOOKED_UP[Scope(scope)](owner, thresholds) if Scope(scope) in _LOOKED_UP else Concerned(owner)
    return replace(found, name=f"{found.name}, {model}") if model else found


def _key(entity_id: str, thresholds: Sequence[str]) -> Concerned:
    row = VirtualKey.objects.select_related("user", "team", "organization").filter(pk=entity_id).first()
    if row is None:
        return Concerned(entity_id)
    return _concerned(
        str(row),
        _filled(token=row.token_hash, key_alias=row.alias, **_of_user(row.user), **_of_team(row.team)),
        owner=row.user,
        lists=(
            listed(read_lists(row.metadata, KEY_LIST), thresholds),
            listed(default_lists(), thresholds),
        ),
    )


def _team(entity_id: str, thresholds: Sequence[str]) -> Concerned:
    row = Team.objects.filter(pk=entity_id).first()
    if row is None:
        return Concerned(entity_id)
    soft = read_texts(row.metadata.get("soft_budget_alerting_emails")) if SOFT in thresholds else []
    by_percent = listed(read_lists(row.metadata, TEAM_LIST), thresholds)
    return _concerned(str(row), _filled(**_of_team(row)), lists=(by_percent, soft))


def _member(entity_id: str, thresholds: Sequence[str]) -> Concerned:
    row = Membership.objects.select_related("user", "team").filter(pk=entity_id).first()
    if row is None:
        return Concerned(entity_id)
    by_percent = listed(read_lists(row.team.metadata, MEMBER_LIST), thresholds)
    ids = _filled(**_of_user(row.user), **_of_team(row.team))
    return _concerned(str(row), ids, owner=row.user, lists=(by_percent,))


def _user(entity_id: str, thresholds: Sequence[str]) -> Concerned:
    row = User.objects.filter(pk=entity_id).first()
    return _concerned(str(row), _filled(**_of_user(row)), owner=row) if row else Concerned(entity_id)


def _organization(entity_id: str, thresholds: Sequence[str]) -> Concerned:
    row = Organization.objects.filter(pk=entity_id).first()
    return Concerned(str(row) if row else entity_id, {"organization_id": entity_id})


def _customer(entity_id: str, thresholds: Sequence[str]) -> Concerned:
    row = Customer.objects.filter(pk=entity_id).first()
    return Concerned(str(row) if row else entity_id, {"customer_id": entity_id})


_LOOKED_UP: Mapping[Scope, Callable[[str, Sequence[str]], Concerned]] = {
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


def _concerned(
    name: str, ids: Mapping[str, str], *, owner: User | None = None, lists: Iterable[Iterable[str]] = ()
) -> Concerned:
    by_list = _addresses(*lists)
    return Concerned(name, ids, _addresses([owner.email] if owner else [], by_list), by_list)


def _addresses(*lists: Iterable[str]) -> tuple[str, ...]:
    found = dict.fromkeys(one for some in lists for one in some if one and _is_address(one))
    return tuple(found)[:MOST_ADDRESSES]


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
