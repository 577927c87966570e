"""The key routes (api.md 2.2)."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from pydantic import ValidationError

import budgets.spend
from budgets.models import Scope
from budgets.resets import set_spend
from proxy.management import key_policy
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_fields import apply_fields, ensure_no_stronger
from proxy.management.key_lists import find, hashed, list_deleted, page_of
from proxy.management.key_objects import key_objects, status_of, utc_now
from proxy.management.key_verbs import make_key
from proxy.management.pages import numbers, paginate
from proxy.management.schemas import keys as schemas
from proxy.management.schemas.limits import dollars, nano, valid_duration
from teams import audit
from teams.errors import Envelope, Forbidden, Invalid, ManagementError, NotFound
from teams.invitations import ensure_can_write
from teams.letters import write_key_created, write_key_rotated
from teams.models import VirtualKey
from teams.money import to_dollars
from teams.periods import parse_duration
from teams.services import collect_key, regenerate_key


class Keys(ManagementViewSet):
    tag = "keys"

    @route("POST", "/key/generate", access=Access.SELF_SERVICE, body=schemas.GenerateKey)
    def generate(self, call: Call, body: schemas.GenerateKey) -> dict[str, Any]:
        """Make a virtual key. It is shown in this answer and never again."""
        given = key_policy.prepare(body.given(), call)
        if "user_id" not in given and not call.reach.is_admin and given.get("team_id") is None:
            given["user_id"] = call.reach.user_id
        return _generate(given, call, route="/key/generate")

    @route(
        "POST",
        "/key/service-account/generate",
        access=Access.SELF_SERVICE,
        body=schemas.GenerateServiceAccountKey,
        envelope=Envelope.DETAIL,
    )
    def generate_for_service_account(self, call: Call, body: schemas.GenerateServiceAccountKey) -> dict[str, Any]:
        """Make a key that belongs to a team and to no user."""
        team = call.reach.teams().filter(pk=body.team_id).first()
        if team is None:
            raise Invalid(f"team_id does not exist in the database. Please create team first. team_id={body.team_id}")
        if not call.reach.administers_team(team):
            raise Forbidden("Only an admin of the team can make keys for its service accounts.")
        given = key_policy.prepare({**body.given(), "user_id": None}, call)
        given.pop("user_id", None)
        metadata = {**(given.get("metadata") or {}), "service_account_id": given.get("key_alias") or "service account"}
        return _generate({**given, "metadata": metadata}, call, route="/key/service-account/generate")

    @route("POST", "/key/update", access=Access.SELF_SERVICE, body=schemas.UpdateKey)
    def update(self, call: Call, body: schemas.UpdateKey) -> dict[str, Any]:
        """Change some fields of a key: what is left out stays, null clears."""
        given = body.given()
        row = _named(call, key=given.pop("key", None), alias=body.key_alias)
        _update(row, given, call)
        return {**_shown(row), "key": body.key or row.token_hash}

    @route("POST", "/key/bulk_update", access=Access.SELF_SERVICE, body=schemas.UpdateKeys, answer=schemas.BulkUpdate)
    def bulk_update(self, call: Call, body: schemas.UpdateKeys) -> dict[str, Any]:
        """Change several keys; each succeeds or fails on its own."""
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for fields in body.keys:
            name = str(fields.get("key", ""))[:255]
            try:
                wanted = schemas.UpdateKey.model_validate(fields)
                given = wanted.given()
                with transaction.atomic():
                    row = _named(call, key=given.pop("key", None), alias=wanted.key_alias)
                    _update(row, given, call)
                done.append({"key": name, "key_info": _shown(row)})
            except ValidationError as error:
                failed.append({"key": name, "key_info": None, "failed_reason": error.errors()[0]["msg"]})
            except ManagementError as error:
                failed.append({"key": name, "key_info": None, "failed_reason": error.message})
        return {"total_requested": len(body.keys), "successful_updates": done, "failed_updates": failed}

    @route("POST", "/key/delete", access=Access.SELF_SERVICE, body=schemas.DeleteKeys, answer=schemas.DeletedKeys)
    def delete(self, call: Call, body: schemas.DeleteKeys) -> dict[str, Any]:
        """Delete keys, all of those that are named or none. Their history stays."""
        rows = []
        for names, column in ((body.keys or [], "token_hash"), (body.key_aliases or [], "alias")):
            for name in names:
                wanted = hashed(name) if column == "token_hash" else name
                row = call.reach.keys().select_related("team").filter(**{column: wanted}).first()
                if row is None:
                    raise NotFound("No keys found")
                _ensure_may(row, call, "/key/delete")
                rows.append(row)
        for row in {row.pk: row for row in rows}.values():
            row.delete()
        return {"deleted_keys": [*(body.keys or []), *(body.key_aliases or [])]}

    @route("GET", "/key/info", access=Access.ANY, query=schemas.KeyQuery, answer=schemas.KeyInfo)
    def info(self, call: Call, query: schemas.KeyQuery) -> dict[str, Any]:
        """One key: its own for who names none."""
        name = query.key or call.principal.key_hash
        row = _select(call.reach.keys()).filter(token_hash=hashed(name)).first()
        if row is None:
            raise NotFound("Key not found in database", param="key")
        info = {**_shown(row), "status": status_of(row, now=utc_now())}
        info.pop("token")
        if row.model_max_budget:
            info["model_max_budget_usage"] = _model_usage(row)
        return {"key": name, "info": info}

    @route("POST", "/v2/key/info", access=Access.ANY, body=schemas.NamedKeys, answer=schemas.KeyInfos, reads=True)
    def infos(self, call: Call, body: schemas.NamedKeys) -> dict[str, Any]:
        """Several keys; those that are not there are left out."""
        hashes = {hashed(name): name for name in body.keys}
        rows = list(_select(call.reach.keys()).filter(token_hash__in=hashes).order_by("pk"))
        return {"key": [hashes[row.token_hash] for row in rows], "info": key_objects(rows, now=utc_now())}

    @route("GET", "/key/list", access=Access.MEMBER, query=schemas.KeyList, answer=schemas.KeyPage)
    def list(self, call: Call, query: schemas.KeyList) -> dict[str, Any]:
        """Keys that the caller can see, newest first."""
        if call.reach.user_id is None:
            raise Forbidden(
                "You are not authorized to access this endpoint. No 'user_id' is associated with your API key."
            )
        if query.status == "deleted":
            return list_deleted(call, query)
        page = page_of(find(call, query), query)
        if not query.return_full_object:
            return {"keys": [row.token_hash for row in page.rows], **numbers(page)}
        shown = key_objects(page.rows, now=utc_now())
        if "user" in (query.expand or ()):
            for row, one in zip(page.rows, shown, strict=True):
                user = row.user
                one["user"] = user and {"user_id": user.pk, "user_email": user.email or None, "user_alias": user.alias}
        return {"keys": shown, **numbers(page)}

    @route("GET", "/key/aliases", access=Access.MEMBER, query=schemas.AliasList, answer=schemas.AliasPage)
    def aliases(self, call: Call, query: schemas.AliasList) -> dict[str, Any]:
        """The aliases of the keys that the caller can see."""
        rows = call.reach.keys().exclude(alias=None)
        if query.search:
            rows = rows.filter(alias__icontains=query.search)
        page = paginate(rows.only("alias").order_by("alias"), number=query.page, size=query.size)
        return {"aliases": [row.alias for row in page.rows], **numbers(page), "size": page.size}

    @route("POST", "/key/block", access=Access.SELF_SERVICE, body=schemas.NamedKey, envelope=Envelope.ERROR)
    def block(self, call: Call, body: schemas.NamedKey) -> dict[str, Any]:
        """Refuse a key from its next request on, on every process."""
        return _set_blocked(call, body.key, blocked=True)

    @route("POST", "/key/unblock", access=Access.SELF_SERVICE, body=schemas.NamedKey)
    def unblock(self, call: Call, body: schemas.NamedKey) -> dict[str, Any]:
        """Let a blocked key in again."""
        return _set_blocked(call, body.key, blocked=False)

    @route("POST", "/key/regenerate", "/key/<str:named>/regenerate", access=Access.SELF_SERVICE,
           body=schemas.RegenerateKey)  # fmt: skip
    def regenerate(self, call: Call, body: schemas.RegenerateKey, named: str | None = None) -> dict[str, Any]:
        """A new key in the place of the old one; alias, limits, spend and history stay."""
        given = body.given()
        key = given.pop("key", None)
        row = _named(call, key=named or key or call.principal.key_hash)
        _ensure_may(row, call, "/key/regenerate")
        ensure_no_stronger(row, call)
        new_key, grace = given.pop("new_key", None), given.pop("grace_period", None)
        now = utc_now()
        apply_fields(row, given, call, route="/key/regenerate", now=now)
        call.reach.restrict_to_models(row)
        kept = parse_duration(valid_duration("grace_period", grace)) if grace else None
        plain = regenerate_key(row, now=now, grace=kept, key=new_key)
        write_key_rotated(row, plain, grace=grace, now=now)
        return _with_key(row, plain)

    @route("POST", "/key/rotated", access=Access.ANY)
    def collect_rotated(self, call: Call) -> dict[str, Any]:
        """The key that an automatic rotation made for the calling key. It is given once."""
        row = VirtualKey.objects.filter(token_hash=call.principal.key_hash).first()
        if row is None:
            raise NotFound("Key not found.", param="key")
        return _with_key(row, collect_key(row))

    @route("POST", "/key/<str:named>/reset_spend", access=Access.SELF_SERVICE, body=schemas.ResetSpend,
           answer=schemas.SpendReset)  # fmt: skip
    def reset_spend(self, call: Call, body: schemas.ResetSpend, named: str) -> dict[str, Any]:
        """Count the current period's spend as less; the ledger stays."""
        row = _named(call, key=named)
        if not call.reach.governs_key(row):
            raise Forbidden("Only proxy admins and admins of the key's team can reset its spend.")
        previous = budgets.spend.spend_of_keys([row], now=utc_now())[row.pk].period_nano
        wanted = nano("reset_to", body.reset_to)
        if wanted > previous:
            raise Invalid(f"reset_to ({body.reset_to}) must be from 0 to the current spend ({to_dollars(previous)})")
        _set_spend(row, wanted, call)
        current = budgets.spend.current_period(row, now=utc_now())
        return {
            "key_hash": row.token_hash,
            "spend": to_dollars(wanted),
            "previous_spend": to_dollars(previous),
            "max_budget": dollars(row.max_budget_nano),
            "budget_reset_at": current[1] if current else None,
        }

    @route("POST", "/key/health", access=Access.ANY, reads=True)
    def health(self, call: Call) -> dict[str, Any]:
        """That the calling key is good; there are no logging callbacks by key."""
        return {"key": "healthy", "logging_callbacks": None}


def _generate(given: Mapping[str, Any], call: Call, *, route: str) -> dict[str, Any]:
    row, plain = make_key(given, call, route=route)
    if given.get("send_invite_email"):
        ensure_can_write(row.user, param="send_invite_email")
        write_key_created(row, plain, now=utc_now())
    return {**_with_key(row, plain), **_echo(given)}


def _echo(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that a key's object does not hold under their own name."""
    names = ("duration", "soft_budget", "model_rpm_limit", "model_tpm_limit", "tags", "enforced_params")
    return {name: given.get(name) for name in names}


def _with_key(row: VirtualKey, plain: str) -> dict[str, Any]:
    return {**_shown(row), "key": plain, "token_id": row.token_hash}


def _shown(row: VirtualKey) -> dict[str, Any]:
    return key_objects([row], now=utc_now())[0]


def _select(rows: QuerySet[VirtualKey]) -> QuerySet[VirtualKey]:
    return rows.select_related("budget", "team")


def _named(call: Call, *, key: str | None, alias: str | None = None) -> VirtualKey:
    """Raises Invalid or NotFound."""
    if key == "":
        raise Invalid("Invalid key format.", param="key")
    wanted = Q(token_hash=hashed(key)) if key else Q(alias=alias)
    # Locked, so that two changes of different fields both last; its team and budget are only looked at.
    row = _select(call.reach.keys()).filter(wanted).select_for_update(of=("self",)).first()
    if row is None:
        raise NotFound("Key not found.", param="key")
    return row


def _ensure_may(row: VirtualKey, call: Call, route: str) -> None:
    if not call.reach.may_manage_key(row, route):
        raise Forbidden(f"You are not allowed to change this key. Your role={call.reach.role}", param="key")


def _update(row: VirtualKey, given: dict[str, Any], call: Call) -> None:
    _ensure_may(row, call, "/key/update")
    if "key_alias" in given and given["key_alias"] == row.alias:
        del given["key_alias"]
    spend = given.pop("spend", None)
    apply_fields(
        row, {**given, **({"spend": spend} if spend is not None else {})}, call, route="/key/update", now=utc_now()
    )
    row.save()
    if spend is not None:
        _set_spend(row, nano("spend", spend), call)


def _set_spend(row: VirtualKey, wanted: int, call: Call) -> None:
    now = utc_now()
    entity, since = (Scope.KEY, str(row.pk)), budgets.spend.period_starts([row], now=now)[str(row.pk)]
    current = set_spend(entity, since=since, to_nano=wanted, now=now, actor_id=call.reach.user_id or "")
    audit.note("key", row, before={"spend": to_dollars(current)}, after={"spend": to_dollars(wanted)})


def _set_blocked(call: Call, key: str, *, blocked: bool) -> dict[str, Any]:
    row = _named(call, key=key)
    if not call.reach.governs_key(row):
        raise Forbidden("Only proxy admins and admins of the key's team can block or unblock it.")
    row.blocked = blocked
    row.save(update_fields=["blocked", "updated_at", "updated_by"])
    return _shown(row)


def _model_usage(row: VirtualKey) -> dict[str, Any]:
    spent = budgets.spend.spend_of_key_by_model(row, now=utc_now())
    return {
        model: {
            "current_spend": to_dollars(spent.get(model, 0)),
            "budget_limit": budget["budget_limit"],
            "time_period": budget.get("time_period"),
        }
        for model, budget in row.model_max_budget.items()
    }
