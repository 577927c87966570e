"""Which deployments the tags of a request permit. Pure."""

from collections.abc import Sequence
from typing import Protocol

DEFAULT = "default"


class Tagged(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def tags(self) -> frozenset[str]: ...


def permitted(deployments: Sequence[Tagged], tags: Sequence[str], *, match_any: bool) -> frozenset[str]:
    """Ids. A tagged request gets what carries its tags (any of them, or all), else what is tagged "default", else
    nothing; an untagged one what is tagged "default", else everything.

    `deployments` are the whole group, cooled ones included: whose tag this is must not depend on who is well just
    now. LiteLLM looks at the healthy ones only, and so serves free requests from the paid tier while the free one is
    down.
    """
    if tags:
        wanted = frozenset(tags)
        carrying = frozenset(
            each.id for each in deployments if (wanted & each.tags if match_any else wanted <= each.tags)
        )
        if carrying:
            return carrying
    default = frozenset(each.id for each in deployments if DEFAULT in each.tags)
    if default or tags:
        return default
    return frozenset(each.id for each in deployments)
