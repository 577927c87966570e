"""The steps of a request's trace as sentences; whatever a step holds, there is something to read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.texts import Text

Step = Mapping[str, Any]
GOOD, BAD, DOUBT, PLAIN = "success", "danger", "warning", "info"
# Of a big group, the first say enough.
_MOST_SKIPPED = 20

# Of what the request path notes in English.
_BECAUSE: Mapping[str, Text] = {
    "the key may not call it": gettext_lazy("the key may not call it"),
    "the client stops waiting before": gettext_lazy("the client stops waiting before"),
    "the retry budget is spent": gettext_lazy("the retry budget is spent"),
}
# Why a deployment was passed over, in words (proxy.core.routing.Skip).
SKIPPED: Mapping[str, Text] = {
    "drained": gettext_lazy("blocked"),
    "operation": gettext_lazy("its provider cannot do this"),
    "no_price": gettext_lazy("its price is unknown"),
    "unhealthy": gettext_lazy("failed its health check"),
    "cooldown": gettext_lazy("cooling down"),
    "budget": gettext_lazy("over its budget"),
    "parallel": gettext_lazy("has as many requests as it may have at once"),
    "rpm": gettext_lazy("at its limit of requests per minute"),
    "tpm": gettext_lazy("at its limit of tokens per minute"),
    "context_window": gettext_lazy("the prompt is longer than it takes"),
    "region": gettext_lazy("in another region"),
    "tags": gettext_lazy("its tags do not fit"),
    "tried": gettext_lazy("failed this request before"),
    "probing": gettext_lazy("on trial after a cooldown"),
    "order": gettext_lazy("comes later in the order"),
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
    return str(SKIPPED.get(str(reason), words(reason)))


def _because(step: Step) -> Text:
    reason = str(step.get("because"))
    return _BECAUSE.get(reason, reason)


def words(name: Any) -> str:
    return str(name).replace("_", " ")


def _moment(step: Step) -> Moment:
    return _SAYERS.get(str(step.get("step")), _other)(step)


def _select(step: Step) -> Moment:
    chosen, group = str(step.get("chosen") or ""), step.get("model_group")
    if not chosen:
        said = _("Nobody in %(group)s could be asked") % {"group": group}
        return Moment(_("chosen"), BAD, said, details=tuple(_skipped(step)))
    facts = {"group": group, "number": step.get("eligible"), "strategy": step.get("strategy")}
    if facts["number"] == 1:
        said = _("of %(group)s was chosen") % facts
    else:
        said = _("of %(group)s was chosen among %(number)s by %(strategy)s") % facts
    return Moment(_("chosen"), PLAIN, said, chosen, tuple(_skipped(step)))


def _skipped(step: Step) -> Iterator[str]:
    found = step.get("skipped")
    skipped: Sequence[Any] = found if isinstance(found, list) else ()
    for one in skipped[:_MOST_SKIPPED]:
        if isinstance(one, Mapping):
            facts = {"deployment": one.get("deployment"), "why": skipped_because(one.get("reason"))}
            yield _("%(deployment)s was passed over: %(why)s") % facts
    if (more := _number(step.get("skipped_count")) - len(skipped[:_MOST_SKIPPED])) > 0:
        yield _("and %(number)s more") % {"number": f"{more:g}"}


def _attempt(step: Step) -> Moment:
    failed = bool(step.get("error")) or step.get("status") != 200
    error = f"{step.get('status')} {step.get('error', '')}".rstrip()
    facts = {"model": f"{step.get('provider')}/{step.get('model')}", "error": error}
    facts["took"] = _duration(step.get("took_ms"))
    details = []
    if "first_token_ms" in step:
        details.append(_("First token after %(took)s") % {"took": _duration(step["first_token_ms"])})
    cooldown = step.get("cooldown")
    if isinstance(cooldown, Mapping):
        cooled = {"seconds": f"{_number(cooldown.get('seconds')):g}", "reason": words(cooldown.get("reason"))}
        details.append(_("It cools down for %(seconds)s s: %(reason)s") % cooled)
    return Moment(
        # The ledger counts from 0, people from 1.
        _("attempt %(number)s") % {"number": f"{_number(step.get('attempt')) + 1:g}"},
        BAD if failed else GOOD,
        (_("(%(model)s) failed with %(error)s after %(took)s") if failed else _("(%(model)s) answered after %(took)s"))
        % facts,
        str(step.get("deployment") or ""),
        tuple(details),
    )


def _retry(step: Step) -> Moment:
    pause = _number(step.get("delay_seconds"))
    facts = {"pause": f"{pause:g}", "number": step.get("number"), "most": step.get("of")}
    if pause:
        said = _("Tried again after %(pause)s s, retry %(number)s of %(most)s") % facts
    else:
        said = _("Tried again at once, retry %(number)s of %(most)s") % facts
    return Moment(_("retry"), DOUBT, said)


def _no_retry(step: Step) -> Moment:
    return Moment(_("no retry"), DOUBT, _("Not tried again: %(why)s") % {"why": _because(step)})


def _fallback(step: Step) -> Moment:
    facts = {"former": step.get("after"), "group": step.get("model_group"), "why": _because(step)}
    return Moment(_("fallback"), DOUBT, _("Fell back from %(former)s to %(group)s: %(why)s") % facts)


def _fallback_denied(step: Step) -> Moment:
    facts = {"group": step.get("model_group"), "why": _because(step)}
    return Moment(_("no fallback"), DOUBT, _("The fallback %(group)s was left out: %(why)s") % facts)


def _alias(step: Step) -> Moment:
    facts = {"asked": step.get("asked"), "group": step.get("model_group")}
    return Moment(_("alias"), PLAIN, _("%(asked)s stands for %(group)s") % facts)


def _hedge(step: Step) -> Moment:
    said = _("was asked as well after %(seconds)s s without an answer")
    facts = {"seconds": f"{_number(step.get('after_seconds')):g}"}
    return Moment(_("second"), DOUBT, said % facts, str(step.get("deployment") or ""))


def _refused(step: Step) -> Moment:
    facts = {"status": step.get("status"), "error": step.get("error")}
    return Moment(_("refused"), BAD, _("The client was told %(status)s %(error)s") % facts)


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
