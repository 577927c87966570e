"""What one kind of row is: where LiteLLM keeps it, how it becomes one of ours, and what it must not be missing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from functools import cached_property
from typing import Any

from django.db.models import Model

from gateway_project.litellm_import.cipher import Cipher
from gateway_project.litellm_import.source import Source
from gateway_project.litellm_import.values import RARE, Row

# Of every kind: who wrote it and when, which is not compared.
STAMPS = frozenset({"id", "created_at", "updated_at", "created_by", "updated_by", "budget_started_at"})


class Missing(Enum):
    """What becomes of a row that names another which is not here."""

    MADE = auto()
    """The other is made, empty, unless it was deleted here."""
    BLOCKED = auto()
    """The row loses the link and is blocked, or is skipped where nothing can be blocked."""
    DROPPED = auto()
    """The row loses the link."""


@dataclass
class Candidate:
    """A row on its way: as it was read, and as it will be unless something here speaks against it."""

    row: Row
    instance: Any
    label: str
    refused: tuple[str, str] | None = None

    def refuse(self, reason: str, fact: str = "") -> None:
        """The first word stands."""
        self.refused = self.refused or (reason, fact)


@dataclass(frozen=True)
class Context:
    """What rows are read with. `master_hashes` are of keys that are no virtual keys."""

    now: datetime
    cipher: Cipher
    master_hashes: frozenset[str]
    model_aliases: Mapping[str, Any]
    credentials: Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """`identity` are our columns by which a row is known again; `once` are those that are ours once it is made.

    `settle` sees a batch together: what must be unique, what only a query can tell. Rows with a value in one of
    `unsupported` are counted, as there is nothing like it here. That a `rare` column is missing needs no word.
    """

    name: str
    model: type[Model]
    table: str
    order: tuple[str, ...]
    columns: tuple[str, ...]
    identity: tuple[str, ...]
    build: Callable[[Row, Context], Model]
    label: Callable[[Row], str]
    references: Mapping[str, Missing] = field(default_factory=dict)
    settle: Callable[[Sequence[Candidate]], None] = lambda _: None
    once: frozenset[str] = frozenset()
    unsupported: tuple[str, ...] = ()
    rare: frozenset[str] = RARE
    read: Callable[[Source], Iterator[dict[str, Any]]] | None = None

    def rows(self, source: Source) -> Iterator[Row]:
        found = self.read(source) if self.read else source.rows(self.table, self.wanted, order=self.order)
        return map(Row, found)

    @property
    def wanted(self) -> tuple[str, ...]:
        return (*self.columns, *self.unsupported)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """What `identity` is called on an instance."""
        return tuple(self.model._meta.get_field(name).attname for name in self.identity)  # type: ignore[union-attr]

    @cached_property
    def compared(self) -> tuple[str, ...]:
        ours = STAMPS | self.once | set(self.attributes)
        return tuple(field.attname for field in self.model._meta.concrete_fields if field.attname not in ours)


def named(column: str, alias: str = "") -> Callable[[Row], str]:
    """A label from the id and, if there is one, the alias."""

    def label(row: Row) -> str:
        other = row.text(alias) if alias else ""
        return f"{row.text(column)} ({other})" if other else row.text(column)

    return label
