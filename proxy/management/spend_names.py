"""What the ids in the books are called: keys by their present hash and alias, teams by their alias."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from budgets.group_spend import chunks
from budgets.reports import By, Question, amounts_by, spend_by
from proxy.management.key_lists import hashed
from teams.models import RetiredToken, Team, VirtualKey

UNASSIGNED = "Unassigned"


@dataclass(frozen=True, slots=True)
class KeyName:
    """`token_hash` is the one that the key has now; a key that is gone has nothing but its hash."""

    token_hash: str
    alias: str | None = None
    name: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    user_email: str | None = None
    exists: bool = False


def name_keys(hashes: Iterable[str]) -> dict[str, KeyName]:
    """By each hash, a former one of a regenerated key among them."""
    found = {}
    for some in chunks(sorted(set(hashes))):
        former = dict(RetiredToken.objects.filter(pk__in=some).order_by().values_list("pk", "key__token_hash"))
        present = {*some, *former.values()}
        rows = VirtualKey.objects.filter(token_hash__in=present).order_by()
        names = {
            row[0]: KeyName(*row, exists=True)
            for row in rows.values_list("token_hash", "alias", "name", "team_id", "user_id", "user__email")
        }
        for one in some:
            token_hash = former.get(one, one)
            found[one] = names.get(token_hash, KeyName(token_hash))
    return found


def dearest_keys(question: Question, *, limit: int) -> list[tuple[str, int]]:
    """The keys that spent most, by the hash that each has now, and nano-dollars. Of a million keys few are read."""
    former = dict(RetiredToken.objects.order_by().values_list("pk", "key__token_hash"))
    rotated = {*former, *former.values()}
    spent: defaultdict[str, int] = defaultdict(int)
    # As many more as may have to be added up with others.
    for group in spend_by(question, By.KEY, limit=limit + len(rotated)):
        if group.values[0] not in rotated:
            spent[group.values[0]] = group.sums.amount_nano
    for some in chunks(sorted(rotated)):
        for key, nano, _ in amounts_by(replace(question, where={**question.where, By.KEY: some}), By.KEY):
            spent[former.get(key, key)] += nano
    return sorted(spent.items(), key=lambda item: (-item[1], item[0]))[:limit]


def hashes_of(name: str) -> list[str]:
    """All that a key has and had, when it is named by itself or by one of them."""
    token_hash = hashed(name)
    owner = VirtualKey.objects.filter(token_hash=token_hash).order_by().values_list("pk", flat=True).first()
    if owner is None:
        owner = RetiredToken.objects.filter(pk=token_hash).order_by().values_list("key_id", flat=True).first()
    if owner is None:
        return [token_hash]
    key = VirtualKey.objects.get(pk=owner)
    return [key.token_hash, *key.retired_tokens.order_by("pk").values_list("pk", flat=True)]


def name_teams(team_ids: Iterable[str], *, nobody: str = UNASSIGNED) -> dict[str, str]:
    """A label for each id, and none twice: an alias that several have is told with the id. "" is `nobody`."""
    ids = sorted(set(team_ids))
    aliases: dict[str, str] = {}
    for some in chunks(ids):
        aliases |= dict(Team.objects.filter(pk__in=some).order_by().values_list("pk", "alias"))
    shared = Counter(alias for alias in aliases.values() if alias)
    labels = {}
    for team_id in ids:
        alias = aliases.get(team_id, "")
        labels[team_id] = (f"{alias} ({team_id})" if shared[alias] > 1 else alias) if alias else team_id or nobody
    return labels
