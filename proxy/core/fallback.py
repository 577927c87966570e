"""Which model groups are asked instead of one that failed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from proxy.core import kinds
from proxy.core.calls import NO_OPTIONS, Options
from proxy.core.errors import BadRequest, ContentPolicyViolation, ContextWindowExceeded
from proxy.core.settings import RouterSettings, is_plain_list
from teams.errors import ApiError

Lists = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Fallback:
    """`changes` are fields of the body that it is asked with. They may be a client's: parse the body again."""

    model: str
    changes: Mapping[str, Any] = field(default_factory=dict)


def fallbacks_for(
    group: str, error: ApiError, *, settings: RouterSettings, options: Options, done: Sequence[str]
) -> tuple[Fallback, ...]:
    """In the order to try them (api.md section 5); raises BadRequest for a client's that make no sense.

    `done` are the groups asked so far, the client's own first; none is asked twice, and there are at most
    `max_fallbacks` in all. So whoever goes on with the fallbacks of a fallback comes to an end.
    """
    if options.disable_fallbacks:
        return ()
    asked = dict.fromkeys((*done, group))
    found: dict[str, Fallback] = {}
    for entry in _listed(group, error, settings, options):
        fallback = _fallback(entry)
        if fallback.model not in asked:
            found.setdefault(fallback.model, fallback)
    left = max(0, settings.max_fallbacks - (len(asked) - 1))
    return tuple(found.values())[:left]


def client_fallbacks(options: Options) -> frozenset[str]:
    """Every model group that a request names as a fallback: its key must be allowed to use them all.

    Raises BadRequest for what makes no sense.
    """
    if options is NO_OPTIONS:
        return frozenset()
    overrides = options.overrides or {}
    return frozenset(
        _fallback(entry).model
        for name in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
        for given in (getattr(options, name), overrides.get(name))
        for entry in _entries(given, name)
    )


def _entries(given: Any, name: str) -> Iterable[Any]:
    if name == "fallbacks" and is_plain_list(given):
        return _models(given)
    return chain.from_iterable((_lists(given, name) or {}).values())


def _listed(group: str, error: ApiError, settings: RouterSettings, options: Options) -> tuple[Any, ...]:
    """A client's models are all there is; a list for the kind of error is all there is for such an error."""
    if options.fallbacks and is_plain_list(options.fallbacks):
        return _models(options.fallbacks)
    if isinstance(error, ContextWindowExceeded):
        own = _lists(options.context_window_fallbacks, "context_window_fallbacks")
        if lists := settings.context_window_fallbacks if own is None else own:
            return _of(group, lists)
    if isinstance(error, ContentPolicyViolation):
        own = _lists(options.content_policy_fallbacks, "content_policy_fallbacks")
        if lists := settings.content_policy_fallbacks if own is None else own:
            return _of(group, lists)
    if (own := _lists(options.fallbacks, "fallbacks")) is not None:
        return _of(group, own)
    return _of(group, settings.fallbacks) or settings.default_fallbacks


def _of(group: str, lists: Lists) -> tuple[Any, ...]:
    """The group's own list, or that of its name without the provider, or anybody's."""
    for name in (group, group.partition("/")[2], "*"):
        if name in lists:
            return lists[name]
    return ()


def _models(given: Sequence[Any]) -> tuple[Any, ...]:
    try:
        return kinds.fallback_models(list(given))
    except ValueError as error:
        raise BadRequest(f"'fallbacks' {error}.", param="fallbacks") from None


def _lists(given: Any, name: str) -> Lists | None:
    if given is None:
        return None
    try:
        return kinds.fallbacks(list(given) if isinstance(given, tuple) else given)
    except ValueError as error:
        raise BadRequest(f"'{name}' {error}.", param=name) from None


def _fallback(entry: Any) -> Fallback:
    if isinstance(entry, str):
        return Fallback(entry)
    return Fallback(entry["model"], {name: value for name, value in entry.items() if name != "model"})
