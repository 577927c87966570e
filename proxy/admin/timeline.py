"""The steps of a request's trace as sentences. Pure; whatever a step holds, there is something to read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Step = Mapping[str, Any]
GOOD, BAD, DOUBT, PLAIN = "success", "danger", "warning", "info"
# Of a big group, the first say enough.
_MOST_SKIPPED = 20

# Why a deployment was passed over, in words (proxy.core.routing.Skip).
SKIPPED: Mapping[str, str] = {
    "drained": "blocked",
    "operation": "its provider cannot do this",
    "no_price": "its price is unknown",
    "unhealthy": "failed its health check",
    "cooldown": "cooling down",
    "budget": "over its budget",
    "parallel": "has as many requests as it may have at once",
    "rpm": "at its limit of requests per minute",
    "tpm": "at its limit of tokens per minute",
    "context_window": "the prompt is longer than it takes",
    "region": "in another region",
    "tags": "its tags do not fit",
    "tried": "failed this request before",
    "probing": "on trial after a cooldown",
    "order": "comes later in the order",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One step. `deployment` is the id of the one it is about, `details` are further sentences."""

    label: str
    tone: str
    sentence: str
    deployment: str = ""
    details: tuple[str, ...] = ()


def timeline(steps: Any) -> list[Moment]:
    """Of the JSON that a trace keeps."""
    found = steps if isinstance(steps, list) else []
    return [_moment(step) for step in found if isinstance(step, Mapping)]


def skipped_because(reason: Any) -> str:
    return SKIPPED.get(str(reason), words(reason))


def words(name: Any) -> str:
    return str(name).replace("_", " ")


def _moment(step: Step) -> Moment:
    return _SAYERS.get(str(step.get("step")), _other)(step)


def _select(step: Step) -> Moment:
    chosen, group = str(step.get("chosen") or ""), step.get("model_group")
    if not chosen:
        return Moment("chosen", BAD, f"Nobody in {group} could be asked", details=tuple(_skipped(step)))
    several = f" among {step.get('eligible')} by {step.get('strategy')}" if step.get("eligible") != 1 else ""
    return Moment("chosen", PLAIN, f"of {group} was chosen{several}", chosen, tuple(_skipped(step)))


def _skipped(step: Step) -> Iterator[str]:
    found = step.get("skipped")
    skipped: Sequence[Any] = found if isinstance(found, list) else ()
    for one in skipped[:_MOST_SKIPPED]:
        if isinstance(one, Mapping):
            yield f"{one.get('deployment')} was passed over: {skipped_because(one.get('reason'))}"
    if (more := _number(step.get("skipped_count")) - len(skipped[:_MOST_SKIPPED])) > 0:
        yield f"and {more:g} more"


def _attempt(step: Step) -> Moment:
    failed = bool(step.get("error")) or step.get("status") != 200
    came_of_it = f"failed with {step.get('status')} {step.get('error', '')}".rstrip() if failed else "answered"
    details = []
    if "first_token_ms" in step:
        details.append(f"First token after {_duration(step['first_token_ms'])}")
    cooldown = step.get("cooldown")
    if isinstance(cooldown, Mapping):
        seconds = _number(cooldown.get("seconds"))
        details.append(f"It cools down for {seconds:g} s: {words(cooldown.get('reason'))}")
    return Moment(
        # The ledger counts from 0, people from 1.
        f"attempt {_number(step.get('attempt')) + 1:g}",
        BAD if failed else GOOD,
        f"({step.get('provider')}/{step.get('model')}) {came_of_it} after {_duration(step.get('took_ms'))}",
        str(step.get("deployment") or ""),
        tuple(details),
    )


def _retry(step: Step) -> Moment:
    pause = _number(step.get("delay_seconds"))
    when = f"after {pause:g} s" if pause else "at once"
    return Moment("retry", DOUBT, f"Tried again {when}, retry {step.get('number')} of {step.get('of')}")


def _no_retry(step: Step) -> Moment:
    return Moment("no retry", DOUBT, f"Not tried again: {step.get('because')}")


def _fallback(step: Step) -> Moment:
    return Moment(
        "fallback", DOUBT, f"Fell back from {step.get('after')} to {step.get('model_group')}: {step.get('because')}"
    )


def _fallback_denied(step: Step) -> Moment:
    return Moment("no fallback", DOUBT, f"The fallback {step.get('model_group')} was left out: {step.get('because')}")


def _alias(step: Step) -> Moment:
    return Moment("alias", PLAIN, f"{step.get('asked')} stands for {step.get('model_group')}")


def _hedge(step: Step) -> Moment:
    return Moment(
        "second", DOUBT, f"was asked as well after {_number(step.get('after_seconds')):g} s without an answer",
        str(step.get("deployment") or ""),
    )  # fmt: skip


def _refused(step: Step) -> Moment:
    return Moment("refused", BAD, f"The client was told {step.get('status')} {step.get('error')}")


def _other(step: Step) -> Moment:
    facts = tuple(f"{words(name)}: {value}" for name, value in step.items() if name != "step")
    return Moment(words(step.get("step", "step")), PLAIN, "", details=facts)


_SAYERS: Mapping[str, Callable[[Step], Moment]] = {
    "select": _select,
    "attempt": _attempt,
    "retry": _retry,
    "no_retry": _no_retry,
    "fallback": _fallback,
    "fallback_denied": _fallback_denied,
    "alias": _alias,
    "hedge": _hedge,
    "refused": _refused,
}


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 0


def _duration(milliseconds: Any) -> str:
    number = _number(milliseconds)
    return f"{number / 1000:.2f} s" if number >= 1000 else f"{number:.3g} ms"
