"""Who plays in the demo: model groups, deployments, teams, people, keys, customers and tags. Plain facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from budgets.core.pricing import Price, Rate, per_million
from teams.keys import DEMO_PREFIX


@dataclass(frozen=True, slots=True)
class Upstream:
    """A deployment. Tokens per second, and seconds before the first of them."""

    id: str
    provider: str
    model: str
    params: Mapping[str, Any]
    speed: float
    first_token: float

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """Prices are dollars for a million tokens; `output` 0 is a model that embeds. `fallback` is a model group."""

    name: str
    upstreams: tuple[Upstream, ...]
    asked: str
    cached: str
    said: str
    fallback: str = ""

    @property
    def embeds(self) -> bool:
        return self.said == "0"

    @property
    def price(self) -> Price:
        asked, cached, said = (per_million(Decimal(one) / 1_000_000) for one in (self.asked, self.cached, self.said))
        return Price(input=Rate(asked), output=Rate(said), cached=Rate(cached))


def _upstream(name: str, provider: str, model: str, *, speed: float, first_token: float, **params: Any) -> Upstream:
    # Names under .invalid are never found (RFC 2606), and the deployments take no requests besides.
    base = f"https://{name.replace('_', '-')}.demo.invalid/v1"
    given = {"model": f"{provider}/{model}", "api_base": base, **params}
    return Upstream(DEMO_PREFIX + name, provider, model, given, speed, first_token)


GPT, MINI, CLAUDE, FLASH, EMBEDDINGS = (
    DEMO_PREFIX + name for name in ("gpt-4o", "gpt-4o-mini", "claude-sonnet", "gemini-flash", "embeddings")
)
AZURE = _upstream("azure-gpt-4o", "azure", "gpt-4o", speed=60, first_token=0.5, api_version="2024-10-21")
SLOW = _upstream(
    "bedrock-claude", "bedrock", "anthropic.claude-sonnet", speed=45, first_token=0.9, aws_region_name="eu-west-1",
    # Without any it would be left out of the routing table, as something that is wrong.
    api_key="opens-nothing",
)  # fmt: skip
GROUPS: tuple[ModelGroup, ...] = (
    ModelGroup(
        GPT, (_upstream("openai-gpt-4o", "openai", "gpt-4o", speed=80, first_token=0.4), AZURE),
        asked="2.5", cached="1.25", said="10", fallback=CLAUDE,
    ),
    ModelGroup(
        MINI, (_upstream("openai-gpt-4o-mini", "openai", "gpt-4o-mini", speed=110, first_token=0.3),),
        asked="0.15", cached="0.075", said="0.6", fallback=FLASH,
    ),
    ModelGroup(
        CLAUDE, (_upstream("anthropic-claude", "anthropic", "claude-sonnet-4-5", speed=65, first_token=0.7), SLOW),
        asked="3", cached="0.3", said="15", fallback=GPT,
    ),
    ModelGroup(
        FLASH, (_upstream("gemini-flash", "gemini", "gemini-2.5-flash", speed=140, first_token=0.35),),
        asked="0.3", cached="0.075", said="2.5", fallback=MINI,
    ),
    ModelGroup(
        EMBEDDINGS, (_upstream("openai-embeddings", "openai", "text-embedding-3-small", speed=0, first_token=0.1),),
        asked="0.02", cached="0.02", said="0",
    ),
)  # fmt: skip
GROUP = {one.name: one for one in GROUPS}


@dataclass(frozen=True, slots=True)
class Organization:
    name: str
    alias: str
    # Of its budget, how much is spent in the end.
    used: float

    @property
    def id(self) -> str:
        return DEMO_PREFIX + self.name


ACME = Organization("acme", "Demo: Acme", 0.62)
GLOBEX = Organization("globex", "Demo: Globex", 0.84)
ORGANIZATIONS = (ACME, GLOBEX)


@dataclass(frozen=True, slots=True)
class Team:
    """`used` is how much of its budget of `window` is spent in the end; "" is a budget that is never reset."""

    name: str
    alias: str
    organization: Organization
    members: tuple[str, ...]
    used: float
    window: str = ""

    @property
    def id(self) -> str:
        return DEMO_PREFIX + self.name


TEAMS = (
    Team("research", "Demo: Research", ACME, ("ada", "grace", "alan"), 1.07),
    Team("support", "Demo: Support", ACME, ("barbara", "edsger"), 0.88),
    Team("growth", "Demo: Growth", ACME, ("donald", "ada"), 0.41, "30d"),
    Team("platform", "Demo: Platform", GLOBEX, ("katherine", "margaret", "dennis"), 0.57, "30d"),
    Team("finance", "Demo: Finance", GLOBEX, ("frances",), 0.96),
)
TEAM = {one.name: one for one in TEAMS}
PEOPLE = (
    "ada", "grace", "alan", "barbara", "edsger", "donald", "katherine", "margaret", "dennis", "frances",
)  # fmt: skip


def person_id(name: str) -> str:
    return DEMO_PREFIX + name


@dataclass(frozen=True, slots=True)
class Key:
    """`weight` is its share of the requests, `models` how they are mixed. Tokens are medians, the rest shares of 1."""

    alias: str
    team: str
    user: str
    weight: float
    models: tuple[tuple[str, float], ...]
    asked: int
    said: int
    streams: float = 0.0
    cached: float = 0.0
    tags: tuple[str, ...] = ()
    customers: bool = False
    # Works through the night and the weekend.
    is_machine: bool = False
    used: float = 0.0
    window: str = ""

    @property
    def name(self) -> str:
        return DEMO_PREFIX + self.alias

    @property
    def token_hash(self) -> str:
        return DEMO_PREFIX + self.alias


PRODUCTION, BATCH, EXPERIMENT = (DEMO_PREFIX + name for name in ("production", "batch", "experiment"))
KEYS = (
    Key(
        "support-bot", "support", "barbara", 24, ((MINI, 7), (GPT, 3)), 1400, 220,
        streams=0.9, cached=0.45, tags=(PRODUCTION,), customers=True, used=0.83, window="30d",
    ),
    Key(
        "help-search", "support", "edsger", 14, ((EMBEDDINGS, 8), (MINI, 2)), 380, 90,
        tags=(PRODUCTION,), customers=True, is_machine=True,
    ),
    Key("notebooks", "research", "ada", 9, ((CLAUDE, 6), (GPT, 4)), 2600, 700, streams=0.7, tags=(EXPERIMENT,)),
    Key("evaluations", "research", "grace", 7, ((GPT, 4), (CLAUDE, 4), (FLASH, 2)), 1800, 420,
        tags=(BATCH, EXPERIMENT), is_machine=True, used=1.02),
    Key("agents", "research", "alan", 6, ((CLAUDE, 8), (FLASH, 2)), 5200, 900, streams=0.5, cached=0.6),
    Key("campaigns", "growth", "donald", 5, ((GPT, 6), (FLASH, 4)), 700, 600, used=0.35, window="7d"),
    Key("newsletter", "growth", "ada", 2, ((FLASH, 1),), 900, 1100, tags=(BATCH,)),
    Key("code-review", "platform", "katherine", 11, ((CLAUDE, 7), (GPT, 3)), 4100, 480, streams=0.3, cached=0.5,
        used=0.71, window="30d"),
    Key("assistant", "platform", "margaret", 10, ((GPT, 5), (MINI, 5)), 1100, 320, streams=0.95, cached=0.3,
        tags=(PRODUCTION,)),
    Key("indexer", "platform", "dennis", 8, ((EMBEDDINGS, 1),), 620, 0, tags=(BATCH,), is_machine=True),
    Key("invoices", "finance", "frances", 4, ((GPT, 8), (MINI, 2)), 2200, 260, tags=(PRODUCTION,), used=0.97),
)  # fmt: skip
CUSTOMERS = {
    DEMO_PREFIX + name.lower(): f"{name} (demo)"
    for name in (
        "Northwind", "Contoso", "Initech", "Umbrella", "Hooli", "Stark", "Wayne", "Tyrell", "Soylent", "Cyberdyne",
    )
}  # fmt: skip
TAGS = {
    PRODUCTION: "Asked for by somebody who waits.",
    BATCH: "May be late.",
    EXPERIMENT: "Research, of no customer.",
}
