"""Activity by day of users, teams, tags, customers and organizations (api.md 2.8)."""

from collections.abc import Iterator, Mapping
from typing import Any

from budgets.models import Facet
from budgets.reports import FACETS, By, Question, day_by_day
from proxy.core.operations import ENDPOINTS
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.breakdowns import Activity, metrics, page_of_activity, whole_activity
from proxy.management.schemas import activity as schemas
from proxy.management.spend_days import days_between
from proxy.management.spend_names import hashes_of, name_keys
from proxy.management.spend_report import MISSING
from proxy.management.spend_rows import exact, qualified
from proxy.management.streamed import csv_answer, wants_csv
from teams.errors import Envelope, Forbidden
from teams.models import Organization, Team, User

Condition = Mapping[By, list[str]]
_TITLES = {By.USER: "user_id", By.TEAM: "team_id", By.ORGANIZATION: "organization_id", By.TAG: "tag",
           By.CUSTOMER: "customer"}  # fmt: skip


class DailyActivity(ManagementViewSet):
    """Each once by pages of rows, as LiteLLM has it, and once in one piece."""

    tag = "spend"

    @route("GET", "/user/daily/activity", access=Access.USER, query=schemas.UserActivity,
           answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def user(self, call: Call, query: schemas.UserActivity) -> Any:
        """Of users; who is no admin is told of themselves."""
        return _answer(call, query, By.USER, _of_users(call, query))

    @route("GET", "/user/daily/activity/aggregated", access=Access.USER, query=schemas.UserActivity,
           answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def user_in_one(self, call: Call, query: schemas.UserActivity) -> Any:
        """The same without pages; keys and users are the dearest."""
        return _answer(call, query, By.USER, _of_users(call, query), whole=True)

    @route("GET", "/team/daily/activity", access=Access.MEMBER, query=schemas.TeamActivity,
           answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def team(self, call: Call, query: schemas.TeamActivity) -> Any:
        """Of teams: all that happens in those that one administers, one's own part in those one belongs to."""
        return _answer(call, query, By.TEAM, _of_teams(call, query))

    @route("GET", "/team/daily/activity/aggregated", access=Access.MEMBER, query=schemas.TeamActivity,
           answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def team_in_one(self, call: Call, query: schemas.TeamActivity) -> Any:
        """The same without pages; keys and teams are the dearest."""
        return _answer(call, query, By.TEAM, _of_teams(call, query), whole=True)

    @route("GET", "/tag/daily/activity", access=Access.ADMIN_READ, query=schemas.TagActivity,
           answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def by_tag(self, call: Call, query: schemas.TagActivity) -> Any:
        """Of tags; a call with several is counted for each."""
        return _answer(call, query, By.TAG, _of_all(By.TAG, query.tags))

    @route("GET", "/tag/daily/activity/aggregated", access=Access.ADMIN_READ, query=schemas.TagActivity,
           answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def tag_in_one(self, call: Call, query: schemas.TagActivity) -> Any:
        """The same without pages; keys and tags are the dearest."""
        return _answer(call, query, By.TAG, _of_all(By.TAG, query.tags), whole=True)

    @route("GET", "/customer/daily/activity", "/end_user/daily/activity", access=Access.ADMIN_READ,
           query=schemas.CustomerActivity, answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def customer(self, call: Call, query: schemas.CustomerActivity) -> Any:
        """Of customers: calls that name none are not counted."""
        return _answer(call, query, By.CUSTOMER, _of_all(By.CUSTOMER, query.end_user_ids))

    @route("GET", "/customer/daily/activity/aggregated", "/end_user/daily/activity/aggregated",
           access=Access.ADMIN_READ, query=schemas.CustomerActivity, answer=schemas.DailyAnswer,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def customer_in_one(self, call: Call, query: schemas.CustomerActivity) -> Any:
        """The same without pages; keys and customers are the dearest."""
        return _answer(call, query, By.CUSTOMER, _of_all(By.CUSTOMER, query.end_user_ids), whole=True)

    @route("GET", "/organization/daily/activity", access=Access.USER, query=schemas.OrganizationActivity,
           answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def organization(self, call: Call, query: schemas.OrganizationActivity) -> Any:
        """Of organizations, for admins of theirs."""
        return _answer(call, query, By.ORGANIZATION, _of_organizations(call, query))

    @route("GET", "/organization/daily/activity/aggregated", access=Access.USER, query=schemas.OrganizationActivity,
           answer=schemas.DailyAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def organization_in_one(self, call: Call, query: schemas.OrganizationActivity) -> Any:
        """The same without pages; keys and organizations are the dearest."""
        return _answer(call, query, By.ORGANIZATION, _of_organizations(call, query), whole=True)


def _of_all(by: By, names: list[str] | None) -> list[Condition]:
    return [{by: names}] if names else [{}]


def _of_users(call: Call, query: schemas.UserActivity) -> list[Condition]:
    if call.reach.sees_everything:
        return _of_all(By.USER, [query.user_id] if query.user_id else None)
    if query.user_id and query.user_id != call.reach.user_id:
        raise Forbidden("You do not have permission to view other users' activity.")
    return [{By.USER: [call.reach.user_id or ""]}]


def _of_teams(call: Call, query: schemas.TeamActivity) -> list[Condition]:
    excluded = set(query.exclude_team_ids or ())
    if call.reach.sees_everything and not excluded:
        return _of_all(By.TEAM, query.team_ids)
    visible = {row.pk: call.reach.administers_team(row) or call.reach.is_viewer for row in call.reach.teams()}
    for team_id in query.team_ids or ():
        if team_id not in visible and not call.reach.sees_everything:
            raise Forbidden(f"You do not have permission to view the activity of team_id={team_id}.")
    wanted = sorted(set(query.team_ids or visible) - excluded)
    governed = [team_id for team_id in wanted if visible.get(team_id, call.reach.sees_everything)]
    own = [team_id for team_id in wanted if not visible.get(team_id, call.reach.sees_everything)]
    conditions: list[Condition] = [{By.TEAM: governed}]
    if own and call.reach.user_id:
        conditions.append({By.TEAM: own, By.USER: [call.reach.user_id]})
    elif own:
        # A service account of the team: the calls of its own key.
        conditions.append({By.TEAM: own, By.KEY: hashes_of(call.reach.key_hash)})
    return conditions


def _of_organizations(call: Call, query: schemas.OrganizationActivity) -> list[Condition]:
    if call.reach.sees_everything:
        return _of_all(By.ORGANIZATION, query.organization_ids)
    mine = call.reach.administered_organizations
    for organization_id in query.organization_ids or ():
        if organization_id not in mine:
            raise Forbidden(f"You do not have permission to view the activity of organization_id={organization_id}.")
    if not mine:
        raise Forbidden("Only proxy admins and organization admins can view the activity of organizations.")
    return [{By.ORGANIZATION: query.organization_ids or sorted(mine)}]


def _answer(call: Call, query: schemas.DailyActivity, entity: By, seen: list[Condition], *, whole: bool = False) -> Any:
    question = _question(query, entity, seen)
    if wants_csv(call, query.format):
        titles = ("date", _TITLES[entity], *_LINE_TITLES)
        return csv_answer(call, titles, _lines(question, entity), filename=f"{entity.name.lower()}-activity.csv")
    if whole:
        found = whole_activity(question, entity)
        return _shown(_labelled(found, entity), page=1, pages=1)
    found, pages = page_of_activity(question, entity, number=query.page, size=query.page_size)
    return _shown(_labelled(found, entity), page=query.page, pages=pages)


def _question(query: schemas.DailyActivity, entity: By, seen: list[Condition]) -> Question:
    first, last = days_between(query.start_date, query.end_date, missing=MISSING)
    models: list[Condition] = [{}]
    if query.model:
        provider, _, model = query.model.partition("/")
        models = [
            {By.MODEL_GROUP: [query.model]}, {By.MODEL: [query.model]}, {By.PROVIDER: [provider], By.MODEL: [model]},
        ]  # fmt: skip
    where = {}
    if query.api_key:
        where[By.KEY] = sorted({one for name in query.api_key for one in hashes_of(name)})
    either = tuple({**one, **another} for one in seen for another in models)
    facet = FACETS.get(entity, Facet.CALLS)
    return Question(first=first, last=last, where=where, any_of=either if any(either) else (), facet=facet)


def _labelled(found: Activity, entity: By) -> Activity:
    """Entities by what people call them."""
    ids = sorted({name for day in found.days for name in day["breakdown"]["entities"]})
    labels = _LABELS[entity](ids) if entity in _LABELS else {}
    for day in found.days:
        for name, one in day["breakdown"]["entities"].items():
            one["metadata"] = labels.get(name, {})
    return found


def _user_labels(ids: list[str]) -> dict[str, dict[str, Any]]:
    rows = User.objects.filter(pk__in=ids).order_by().values_list("pk", "email", "alias")
    return {str(pk): {"user_email": email or None, "user_alias": alias or None} for pk, email, alias in rows}


def _team_labels(ids: list[str]) -> dict[str, dict[str, Any]]:
    rows = Team.objects.filter(pk__in=ids).order_by().values_list("pk", "alias")
    return {str(pk): {"team_alias": alias or None} for pk, alias in rows}


def _organization_labels(ids: list[str]) -> dict[str, dict[str, Any]]:
    rows = Organization.objects.filter(pk__in=ids).order_by().values_list("pk", "alias")
    return {str(pk): {"organization_alias": alias or None} for pk, alias in rows}


_LABELS = {By.USER: _user_labels, By.TEAM: _team_labels, By.ORGANIZATION: _organization_labels}


def _shown(found: Activity, *, page: int, pages: int) -> dict[str, Any]:
    sums = metrics(found.sums)
    return {
        "results": found.days,
        "metadata": {
            **{name if name.startswith("total_") else f"total_{name}": value for name, value in sums.items()},
            "page": page,
            "total_pages": pages,
            "has_more": page < pages,
        },
    }


_LINE_TITLES = ("model_group", "provider", "model", "endpoint", "api_key", "key_alias", "requests", "failures",
                "prompt_tokens", "completion_tokens", "spend")  # fmt: skip


def _lines(question: Question, entity: By) -> Iterator[tuple[object, ...]]:
    parts = (entity, By.MODEL_GROUP, By.PROVIDER, By.MODEL, By.CALL_TYPE, By.KEY)
    for day, groups in day_by_day(question, *parts):
        names = name_keys(group.values[-1] for group in groups)
        for group in sorted(groups, key=lambda group: group.values):
            one, model_group, provider, model, call_type, key = group.values
            sums = group.sums
            yield (
                day.isoformat(), one, model_group, provider, qualified(provider, model),
                ENDPOINTS.get(call_type, call_type), names[key].token_hash, names[key].alias or "", sums.requests,
                sums.failures, sums.prompt_tokens, sums.completion_tokens, exact(sums.amount_nano),
            )  # fmt: skip
