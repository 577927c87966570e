"""A request's way through the gateway, noted while it happens: who was asked, who was passed over and why. Pure.

Noting costs the request path an append; `as_json` says it in words, when somebody stores it. Nothing in a trace is a
prompt, an answer or a secret.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

# Of a big group, the first of each kind say enough.
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Selected:
    """One look at a model group. `skipped` pairs a deployment's id with the reason; `chosen` is "" for nobody."""

    group: str
    strategy: str
    eligible: int
    names: tuple[str, ...]
    skipped: Sequence[tuple[str, str]]
    chosen: str

    def as_json(self) -> dict[str, Any]:
        skipped = [{"deployment": name, "reason": str(reason)} for name, reason in self.skipped[:_MOST_NAMED]]
        return {
            "step": "select",
            "model_group": self.group,
            "strategy": self.strategy,
            "eligible": self.eligible,
            "candidates": list(self.names[:_MOST_NAMED]),
            "skipped": skipped,
            "skipped_count": len(self.skipped),
            "chosen": self.chosen,
        }


@dataclass(frozen=True, slots=True)
class Attempted:
    """One call of one upstream. Seconds since the request arrived."""

    number: int
    deployment: str
    provider: str
    model: str
    began: float
    ended: float
    status: int
    error: str = ""
    cooldown_seconds: float = 0.0
    cooldown_reason: str = ""
    first_token: float | None = None

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "step": "attempt",
            "attempt": self.number,
            "deployment": self.deployment,
            "provider": self.provider,
            "model": self.model,
            "began_ms": round(self.began * 1000, 2),
            "took_ms": round((self.ended - self.began) * 1000, 2),
            "status": self.status,
        }
        if self.error:
            found["error"] = self.error
        if self.cooldown_reason:
            found["cooldown"] = {"seconds": self.cooldown_seconds, "reason": self.cooldown_reason}
        if self.first_token is not None:
            found["first_token_ms"] = round(self.first_token * 1000, 2)
        return found


@dataclass(frozen=True, slots=True)
class Noted:
    """Whatever else was decided: `retry`, `no_retry`, `fallback`, `alias`, `refused`, `hedge`, `limit`, ..."""

    step: str
    facts: tuple[tuple[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"step": self.step, **dict(self.facts)}


@dataclass(slots=True)
class Trace:
    """`began_at` is UTC; `status` 0 means that the request is under way. `amount_nano` is the whole request's."""

    call_id: str
    request_id: UUID
    began_at: datetime
    route: str
    operation: str = ""
    model: str = ""
    key_hash: str = ""
    key_alias: str = ""
    user_id: str = ""
    team_id: str = ""
    end_user: str = ""
    tags: tuple[str, ...] = ()
    stream: bool = False
    status: int = 0
    error_class: str = ""
    message: str = ""
    seconds: float = 0.0
    deployment: str = ""
    model_group: str = ""
    amount_nano: int = 0
    price: str = ""
    steps: list[Selected | Attempted | Noted] = field(default_factory=list)

    def note(self, step: str, **facts: Any) -> None:
        self.steps.append(Noted(step, tuple(facts.items())))

    def steps_as_json(self) -> list[dict[str, Any]]:
        return [step.as_json() for step in self.steps]
