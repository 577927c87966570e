"""The tag routes (api.md 2.7): words on requests that have a budget or choose deployments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from budgets.models import LedgerEntry
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.own_budgets import save_with_budget
from proxy.management.pages import paginate
from proxy.management.schemas import tags as schemas
from proxy.management.schemas.budgets import budget_object
from proxy.management.schemas.fields import Object
from proxy.models import Deployment
from teams.errors import Invalid, NotFound
from teams.models import Tag
from teams.services import discard_budgets

# Tags are not indexed in the ledger, so that only what was asked lately is looked through.
_ENTRIES_READ = 10_000
_MOST_SEEN = 1000
_SEEN = "Seen in requests. It has no budget and chooses no deployment; /tag/new makes it one that can."


class Tags(ManagementViewSet):
    tag = "tags"

    @route("POST", "/tag/new", access=Access.ADMIN, body=schemas.NewTag, answer=schemas.SavedTag)
    def new(self, call: Call, body: schemas.NewTag) -> dict[str, Any]:
        """Make a tag that has a budget or chooses deployments."""
        if Tag.objects.filter(pk=body.name).exists():
            raise Invalid(f"Tag {body.name} already exists", param="name")
        return _save(Tag(name=body.name), body.given(), "created", new=True)

    @route("POST", "/tag/update", access=Access.ADMIN, body=schemas.UpdateTag, answer=schemas.SavedTag)
    def update(self, call: Call, body: schemas.UpdateTag) -> dict[str, Any]:
        """Change some fields of a tag: what is left out stays, null clears."""
        return _save(_named(body.name), body.given(), "updated")

    @route("POST", "/tag/info", access=Access.ADMIN_READ, body=schemas.TagNames,
           answer=dict[str, schemas.TagWithBudget], reads=True)  # fmt: skip
    def info(self, call: Call, body: schemas.TagNames) -> dict[str, Any]:
        """Several tags, by name."""
        rows = {row.pk: row for row in Tag.objects.select_related("budget").filter(pk__in=body.names).order_by("pk")}
        if missing := [name for name in dict.fromkeys(body.names) if name not in rows]:
            raise NotFound(f"Tags not found: {missing}", param="names")
        return {name: _object(row, now=utc_now()) for name, row in rows.items()}

    @route("GET", "/tag/list", access=Access.ADMIN_READ, query=schemas.TagList, answer=list[schemas.TagWithBudget])
    def list(self, call: Call, query: schemas.TagList) -> Any:
        """Tags by name; the last page names those too that requests lately had and nobody made."""
        now = utc_now()
        page = paginate(Tag.objects.select_related("budget").order_by("pk"), number=query.page, size=query.page_size)
        seen = _seen() if page.number == max(page.pages, 1) else []
        return [*(_object(row, now=now) for row in page.rows), *seen]

    @route("POST", "/tag/delete", access=Access.ADMIN, body=schemas.NamedTag, answer=schemas.Message)
    def delete(self, call: Call, body: schemas.NamedTag) -> dict[str, Any]:
        """Delete a tag with the budget that was made for it. Requests may still carry the word."""
        row = _named(body.name)
        budget_id = row.budget_id
        row.delete()
        discard_budgets([budget_id])
        return {"message": f"Tag {body.name} deleted successfully"}


def _named(name: str) -> Tag:
    """Raises NotFound."""
    # Locked, so that two changes of different fields both last; its budget is only looked at.
    row = Tag.objects.select_related("budget").filter(pk=name).select_for_update(of=("self",)).first()
    if row is None:
        raise NotFound(f"Tag {name} not found", param="name")
    return row


def _save(row: Tag, given: Mapping[str, Any], verb: str, *, new: bool = False) -> dict[str, Any]:
    now = utc_now()
    if "description" in given:
        row.description = given["description"] or ""
    if "models" in given:
        row.deployment_ids = given["models"] or []
        row.model_info = dict(Deployment.objects.filter(pk__in=row.deployment_ids).values_list("pk", "model_name"))
    if given.get("model_info") is not None:
        row.model_info = given["model_info"]
    save_with_budget(row, given, owner=f"tag-{row.pk}", now=now, new=new)
    return {"message": f"Tag {row.pk} {verb} successfully", "tag": _object(row, now=now)}


def _object(row: Tag, *, now: datetime) -> Object:
    return schemas.TagWithBudget(
        name=row.pk,
        description=row.description or None,
        models=row.deployment_ids,
        model_info=row.model_info,
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by=row.created_by or None,
        budget_id=row.budget_id,
        litellm_budget_table=budget_object(row.budget, now=now) if row.budget else None,
    ).model_dump(mode="json")


def _seen() -> list[Object]:
    """Of the newest entries, the tags that have no row; from when to when they were seen there."""
    newest = LedgerEntry.objects.of_clients().order_by("-started_at")
    entries = newest.values_list("tags", "started_at")[:_ENTRIES_READ]
    first: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    for tags, at in entries:
        for name in tags:
            last.setdefault(name, at)
            first[name] = at
    made = set(Tag.objects.filter(pk__in=list(last)).values_list("pk", flat=True))
    names = [name for name in sorted(last) if name not in made][:_MOST_SEEN]
    return [
        schemas.TagWithBudget(
            name=name,
            description=_SEEN,
            models=[],
            model_info={},
            created_at=first[name],
            updated_at=last[name],
            created_by=None,
            budget_id=None,
            litellm_budget_table=None,
        ).model_dump(mode="json")
        for name in names
    ]
