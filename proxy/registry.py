"""The routing table: a frozen picture of the deployments, built from their rows whenever they change."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

from proxy import models
from proxy.core.routing import weights
from proxy.core.settings import RouterSettings
from proxy.core.wildcards import match
from proxy.deployments import Deployment, build
from proxy.metrics.labels import OTHER, label_value
from proxy.price_sources import sources_of
from proxy.providers.base import Provider
from teams.calendars import usable_calendar
from teams.periods import UTC_MIDNIGHT, Calendar

logger = logging.getLogger(__name__)

_CREATED = 1677610602  # LiteLLM's answer to "created" in GET /models


@dataclass(frozen=True, slots=True)
class Group:
    """The deployments of one name. `serving` are the ids of those in service.

    `plain` when nothing but chance and weight decides among them while all are well; `cumulative` are those weights.
    """

    deployments: tuple[Deployment, ...]
    serving: tuple[str, ...] = ()
    providers: frozenset[Provider] = frozenset()
    plain: bool = True
    cumulative: tuple[float, ...] | None = None

    @classmethod
    def of(cls, deployments: Sequence[Deployment]) -> "Group":
        found = weights(deployments)
        return cls(
            tuple(deployments),
            serving=tuple(one.id for one in deployments if not one.blocked),
            providers=frozenset(one.provider for one in deployments),
            plain=not any(map(_is_particular, deployments)) and len({one.order for one in deployments}) == 1,
            cumulative=tuple(accumulate(found)) if found and any(found) else None,
        )


NOBODY = Group(())


def _is_particular(deployment: Deployment) -> bool:
    return bool(
        deployment.blocked
        or deployment.max_parallel is not None
        or deployment.tags
        or deployment.budget_nano is not None
    )


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """`team_groups` are those that only one team may call; `access_groups` are the names under which models are

    granted together, by model group. At `prices_change_at` a price begins that was dated in advance.
    """

    groups: Mapping[str, Group]
    settings: Mapping[str, Mapping[str, Any]]
    router: RouterSettings = field(default_factory=RouterSettings)
    team_groups: Mapping[tuple[str, str], Group] = field(default_factory=dict)
    access_groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    patterns: tuple[str, ...] = ()
    calendar: Calendar = UTC_MIDNIGHT
    prices_change_at: datetime | None = None

    def grants(self, named: str) -> frozenset[str]:
        """The names, beside its own, under which a model may have been granted.

        They are its access groups, the group that it is an alias of, and `provider/*` of a model that goes by its own
        name: who may call `openai/*` may call `gpt-4o` there.
        """
        group = self.resolve(named)
        found = self.granted.get(group, frozenset())
        return found if group == named else found | {group}

    def resolve(self, model: str) -> str:
        """The model group that a name is an alias of, or the name itself."""
        return self.router.model_group_alias.get(model, model)

    def group(self, model_group: str, *, team_id: str | None) -> Group:
        """Those of the team itself go before those of everybody. Of a pattern, with the pattern's own model."""
        if team_id is not None and (own := self.team_groups.get((team_id, model_group))):
            return own
        return self.groups.get(model_group, NOBODY)

    def deployments(self, model_group: str, *, team_id: str | None) -> tuple[Deployment, ...]:
        return self.group(model_group, team_id=team_id).deployments

    def pattern_of(self, model: str) -> tuple[str, str] | None:
        """The most specific pattern among the groups' names that covers a model, and what its star stands for."""
        return match(self.patterns, model) if self.patterns else None

    def label_of(self, model: str, *, team_id: str | None) -> str:
        """What metrics call a model that was asked for: itself or the pattern that covers it, `other` for neither."""
        if self.group(self.resolve(model), team_id=team_id).deployments:
            return label_value(model)
        matched = self.pattern_of(self.resolve(model))
        return OTHER if matched is None else label_value(matched[0])

    def model_names(self, *, team_id: str | None) -> list[str]:
        """Of the groups that have a deployment in service; aliases too, unless they are hidden."""
        router = self.router
        own = {name: group for (owner, name), group in self.team_groups.items() if owner == team_id}
        served = {name for name, group in {**self.groups, **own}.items() if _in_service(group)}
        aliases = {
            alias
            for alias, target in router.model_group_alias.items()
            if target in served and alias not in router.hidden_aliases
        }
        return sorted(served | aliases)

    def describe(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": _CREATED, "owned_by": "openai"}

    def all_deployments(self) -> list[Deployment]:
        return [one for group in (*self.groups.values(), *self.team_groups.values()) for one in group.deployments]


def _in_service(group: Group) -> bool:
    return bool(group.serving)


def load_routing_table(*, now: datetime) -> RoutingTable:
    """Read the rows. A deployment that cannot be used is left out and told in the log: the others must serve."""
    settings: dict[str, dict[str, Any]] = {section: {} for section in models.Section}
    for setting in models.ConfigField.objects.order_by():
        settings[setting.section][setting.name] = setting.value
    router, problems = RouterSettings.read(
        settings[models.Section.ROUTER], settings[models.Section.LITELLM], settings[models.Section.GENERAL]
    )
    for problem in problems:
        logger.error("A setting of the router is not usable: its default is used", extra={"problem": problem})
    sources, doubts = sources_of(settings[models.Section.LITELLM], now=now)
    for doubt in doubts:
        logger.error("A discount or a margin is not usable: it is left out", extra={"problem": doubt})
    defaults = dict(router.default_litellm_params)
    if settings[models.Section.LITELLM].get("drop_params") is True:
        defaults.setdefault("drop_params", True)
    groups: dict[str, list[Deployment]] = {}
    team_groups: dict[tuple[str, str], list[Deployment]] = {}
    access_groups: dict[str, set[str]] = {}
    for row in models.Deployment.objects.order_by("model_name", "id"):
        try:
            built = build(row, now=now, defaults=defaults, sources=sources)
            if team_id := row.model_info.get("team_id"):
                name = row.model_info.get("team_public_model_name") or row.model_name
                team_groups.setdefault((str(team_id), str(name)), []).append(built)
                continue
            groups.setdefault(row.model_name, []).append(built)
            names = row.model_info.get("access_groups")
            if isinstance(names, list):
                access_groups.setdefault(row.model_name, set()).update(str(name) for name in names)
        except ValueError as error:
            logger.error(  # noqa: TRY400 - the sentence says it all
                "A deployment is left out of the routing table",
                extra={"deployment": row.pk, "model_group": row.model_name, "problem": str(error)},
            )
    return RoutingTable(
        groups={name: Group.of(deployments) for name, deployments in groups.items()},
        settings=settings,
        router=router,
        team_groups={owner: Group.of(deployments) for owner, deployments in team_groups.items()},
        access_groups={name: frozenset(names) for name, names in access_groups.items()},
        granted={
            name: frozenset(access_groups.get(name, ()))
            | {f"{one.provider.name}/*" for one in found if one.model == name}
            for name, found in groups.items()
        },
        patterns=tuple(name for name in groups if "*" in name),
        calendar=usable_calendar(settings[models.Section.LITELLM]),
        prices_change_at=sources.book.changes_at,
    )
