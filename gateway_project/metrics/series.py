"""The names of numbers: a metric with its label values, and which of its numbers."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Self

import orjson

from proxy.exposition import label_text


class Series:
    """One metric with one set of label values. `id` is short, and the same in every process."""

    def __init__(self, metric: str, names: Sequence[str], values: Sequence[str]) -> None:
        self.metric = metric
        self.names = tuple(names)
        self.values = tuple(values)

    @cached_property
    def definition(self) -> bytes:
        return orjson.dumps([self.metric, self.names, self.values])

    @cached_property
    def id(self) -> str:
        return urlsafe_b64encode(hashlib.blake2b(self.definition, digest_size=12).digest()).decode()

    @cached_property
    def text(self) -> str:
        """The labels as a page shows them, sorted by name; "" without any."""
        return label_text(dict(zip(self.names, self.values, strict=True)))

    @classmethod
    def defined(cls, definition: bytes) -> Self:
        """Raises ValueError for what is no definition."""
        metric, names, values = orjson.loads(definition)
        if not isinstance(metric, str) or len(names) != len(values):
            raise ValueError("no definition of a series")
        return cls(metric, names, values)


class Key(NamedTuple):
    """One number: `part` is what follows the metric's name, and of a bucket its bound, as in `_bucket:0.5`."""

    series: str
    part: str


Changes = dict[Key, float]
