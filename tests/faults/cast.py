"""Who asks while parts die: keys without limits, a team's, with budgets that are ample and with such as run out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import httpx

from tests.faults.load import Asked, Caller
from tests.gateway import Gateway

AMPLE, TIGHT = 10.0, 0.001
# Requests a minute, of a key that asks faster and of one that does not.
RATE, AMPLE_RATE = 20, 1200
_NANO = 1_000_000_000


@dataclass
class Cast:
    """`tight` are keys that are used up one after the other, `hurried` asks faster than its rate allows.

    Of `callers` only those with a tight key may be refused.
    """

    plain: str
    team: str
    ample: str
    hurried: str
    tight: Sequence[str]
    callers: tuple[Caller, ...]

    @classmethod
    def make(cls, gateway: Gateway, *, tight: int) -> Self:
        with gateway.client() as admin:
            _made(admin, "/team/new", team_id="red", team_alias="red", max_budget=AMPLE)
            plain = _made(admin, "/key/generate", key_alias="plain")
            team = _made(admin, "/key/generate", key_alias="team", team_id="red")
            ample = _made(admin, "/key/generate", key_alias="ample", max_budget=AMPLE, rpm_limit=AMPLE_RATE)
            hurried = _made(admin, "/key/generate", key_alias="hurried", rpm_limit=RATE)
            scarce = [_made(admin, "/key/generate", key_alias=f"tight-{n}", max_budget=TIGHT) for n in range(tight)]
        keys = {"plain": plain, "team": team, "ample": ample, "tight": scarce[0]}
        tags = {"team": ("blue", "green")}
        callers = tuple(
            Caller(f"{name}-{'stream' if stream else 'whole'}", key, tags=tags.get(name, ()), stream=stream)
            for name, key in keys.items()
            for stream in (False, True)
        )
        return cls(plain, team, ample, hurried, scarce, callers)

    def all_callers(self) -> tuple[Caller, ...]:
        """With those who hurry, two of them, so that both processes may be asked."""
        return (*self.callers, *(Caller(f"hurried-{n}", self.hurried, pause_seconds=0.2) for n in range(2)))

    def use_tight(self, number: int) -> None:
        for caller in self.callers:
            if caller.name.startswith("tight"):
                caller.key = self.tight[number]

    def ensure_only_tight_are_refused(self, asked: Sequence[Asked]) -> None:
        """A connection that broke is no refusal: its process was killed."""
        wrong = [
            one for one in asked if one.status not in (0, 200) and (one.status, one.key in self.tight) != (422, True)
        ]
        assert not wrong, f"{len(wrong)} of {len(asked)}: {wrong[:5]}"


def tight_nano() -> int:
    return round(TIGHT * _NANO)


def _made(admin: httpx.Client, path: str, **body: object) -> str:
    answer = admin.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json().get("key", ""))
