"""Label values and the labels that an operator adds (metrics.md 1.2, 2.1 and 2.2)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

NONE = "None"
OTHER = "other"
_LONGEST_VALUE = 128


def label_name(text: str) -> str:
    """LiteLLM's rule: anything but letters, digits and `_` becomes `_`, and a leading digit gets one before it."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return f"_{name}" if name[:1].isdigit() else name


def label_value(value: str | None) -> str:
    """One line, at most 128 characters; LiteLLM's `None` where there is nothing."""
    if not value:
        return NONE
    if not value.isprintable():
        value = "".join(character if character.isprintable() else " " for character in value)
    return value[:_LONGEST_VALUE]


def exception_class(name: str, *, provider: str) -> str:
    """LiteLLM's spelling: the provider, then the class; of the gateway's own refusals the class alone."""
    return f"{provider.capitalize()}.{name}" if provider else name


class CustomLabels:
    """`custom_prometheus_metadata_labels` and `custom_prometheus_tags`: their label names and values."""

    def __init__(self, *, metadata: Sequence[str] = (), tags: Sequence[str] = ()) -> None:
        self._paths = [path.removeprefix("metadata.").split(".") for path in metadata]
        self._tags = [(tag, _pattern(tag)) for tag in tags]
        self.names = (*map(label_name, metadata), *(f"tag_{label_name(tag)}" for tag in tags))
        self.absent = (*([NONE] * len(metadata)), *(["false"] * len(tags)))

    def values(self, metadata: Mapping[str, Any], tags: Sequence[str]) -> tuple[str, ...]:
        if not self.names:
            return ()
        found = (_lookup(metadata, path) for path in self._paths)
        return (*found, *("true" if _is_tagged(tags, *tag) else "false" for tag in self._tags))


def _pattern(tag: str) -> re.Pattern[str] | None:
    return re.compile(".*".join(map(re.escape, tag.split("*"))), re.DOTALL) if "*" in tag else None


def _is_tagged(tags: Sequence[str], wanted: str, pattern: re.Pattern[str] | None) -> bool:
    return wanted in tags or (pattern is not None and any(map(pattern.match, tags)))


def _lookup(metadata: Mapping[str, Any], path: Sequence[str]) -> str:
    found: Any = metadata
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return label_value(found) if isinstance(found, str) else NONE
