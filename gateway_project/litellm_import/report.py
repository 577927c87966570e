"""What an import did, counted and in lines to print. No line holds a secret or what a terminal would obey."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

# Of rows with the same reason, so many are named.
SHOWN = 20
_LONGEST_NAME = 80


class Outcome(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    LEFT = "left as is"
    SKIPPED = "skipped"


COLUMNS = ("found", *Outcome)
SKIPPED, LEFT, MENDED = "Skipped", "Changed here by somebody else, and left as is", "Came over, with a remark"


@dataclass
class _Named:
    """The rows a reason holds for, the first of them by name."""

    names: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.names) < SHOWN:
            self.names.append(name)


@dataclass
class Report:
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _told: dict[tuple[str, str, str], _Named] = field(default_factory=dict)

    def found(self, kind: str, number: int = 1) -> None:
        self.counts.setdefault(kind, Counter())["found"] += number

    def count(self, kind: str, outcome: Outcome) -> None:
        self.counts.setdefault(kind, Counter())[outcome] += 1

    def tell(self, section: str, kind: str, row: str, reason: str, fact: str = "") -> None:
        """`reason` is the same for every row it holds for; what is particular is the `fact`."""
        name = f"{shown(row)} [{shown(fact)}]" if fact else shown(row)
        self._told.setdefault((section, kind, reason), _Named()).add(name)

    def skip(self, kind: str, row: str, reason: str, fact: str = "") -> None:
        self.count(kind, Outcome.SKIPPED)
        self.tell(SKIPPED, kind, row, reason, fact)

    def reasons(self, section: str) -> list[tuple[str, str]]:
        return [(kind, reason) for told, kind, reason in self._told if told == section]

    def lines(self) -> list[str]:
        lines = self._table()
        for section in (SKIPPED, LEFT, MENDED):
            if told := self._section(section):
                lines += ["", f"{section}:", *told]
        if self.notes:
            lines += ["", *(f"note: {note}" for note in self.notes)]
        return lines

    def _table(self) -> list[str]:
        widths = [max(len(column), 9) for column in COLUMNS]
        head = "  ".join(column.rjust(width) for column, width in zip(COLUMNS, widths, strict=True))
        longest = max((len(kind) for kind in self.counts), default=0)
        return [f"{'':{longest}}  {head}"] + [
            f"{kind:{longest}}  "
            + "  ".join(f"{counts[column]:{width},}" for column, width in zip(COLUMNS, widths, strict=True))
            for kind, counts in self.counts.items()
        ]

    def _section(self, section: str) -> list[str]:
        lines = []
        for (told, kind, reason), rows in self._told.items():
            if told != section:
                continue
            lines += [f"  {kind}: {name}: {reason}" for name in rows.names]
            if more := rows.count - len(rows.names):
                lines.append(f"  {kind}: and {more:,} more: {reason}")
        return lines


def shown(text: str) -> str:
    """What anybody may have typed, as one line that does nothing to a terminal."""
    plain = "".join(character if character.isprintable() else "?" for character in text[: _LONGEST_NAME + 1])
    return plain if len(plain) <= _LONGEST_NAME else plain[:_LONGEST_NAME] + "…"
