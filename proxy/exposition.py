"""How a page of metrics spells labels, and what collectors hand to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class TextFamily:
    """One metric whose labels are spelled already; `values` are by their text, "" for none.

    `name` is without `_total`. Cheaper than prometheus_client's own where there are thousands of series.
    """

    name: str
    type: str
    documentation: str
    values: Mapping[str, float] = field(default_factory=dict)


def label_text(labels: Mapping[str, Any]) -> str:
    """Sorted by name, as `a="1",b="2"`."""
    return ",".join([f'{name}="{_escaped(str(value))}"' for name, value in sorted(labels.items())])


def labels_of(text: str) -> dict[str, str]:
    """What `label_text` spelled."""
    return {name: _ESCAPED.sub(_plain, value) for name, value in _LABEL.findall(text)}


def _plain(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def _escaped(value: str) -> str:
    if "\\" in value or "\n" in value or '"' in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value
