"""What waits to be written, kept where a killed process leaves it: in two files that take turns.

One takes what comes while the other is being written to the database. The files belong to the process that holds
their locks; the locks go with the process, and then any other process on the machine raises what they hold. They
survive every death of the process, not the loss of the machine's disk or power.
"""

import fcntl
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from alerts.events import Event
from alerts.events.stored import from_json

logger = logging.getLogger(__name__)

# Of the same kinds of events over and over, while the database is away: what comes later says nothing new.
MOST_BYTES = 4 * 1024 * 1024
_SUFFIX = ".waiting"

Raise = Callable[[Event, uuid.UUID], None]


@dataclass(slots=True)
class _File:
    path: Path
    descriptor: int
    size: int = field(default=0)

    def append(self, line: bytes) -> None:
        if self.size + len(line) <= MOST_BYTES:
            self.size += os.write(self.descriptor, line)

    def empty(self) -> None:
        if self.size:
            os.ftruncate(self.descriptor, 0)
            self.size = 0


class Journal:
    """`note` and `turn` are called under one lock. None of its trouble keeps an event from being told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # What comes, and what is being written.
        self._files: tuple[_File, _File] | None = None

    def open(self) -> None:
        try:
            self._files = _create(self._folder), _create(self._folder)
        except OSError:
            logger.exception("What waits to be told cannot be kept on disk: a kill of this process may lose it")

    def note(self, event: Event, known_as: uuid.UUID) -> None:
        """It is kept, whatever becomes of the process, when this returns."""
        if self._files is None:
            return
        try:
            self._files[0].append(_line(event, known_as))
        except OSError:
            logger.exception("An event cannot be kept on disk", extra={"alert_type": event.alert_type})

    def turn(self) -> None:
        """From here on the other file takes what comes; unless it holds what could not be written."""
        if self._files is not None and not self._files[1].size:
            self._files = self._files[1], self._files[0]

    def written(self) -> None:
        """All that was noted before the last turn is in the database."""
        if self._files is not None:
            try:
                self._files[1].empty()
            except OSError:
                logger.exception("What was told cannot be forgotten, and may be counted twice")

    def close(self, *, all_written: bool) -> None:
        """What is not written stays for others."""
        for file in self._files or ():
            if all_written:
                file.path.unlink(missing_ok=True)
            os.close(file.descriptor)
        self._files = None

    def take_over(self, raise_again: Raise) -> int:
        """Raise what dead processes left behind, then forget it; how much that was.

        What `raise_again` raises leaves the file as it is, for the next time.
        """
        return sum(_take_over(path, raise_again) for path in sorted(self._folder.glob(f"*{_SUFFIX}")))


def _create(folder: Path) -> _File:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}{_SUFFIX}"
    making = path.with_suffix(".new")
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    # Locked before it has the name that others look for.
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    making.rename(path)
    return _File(path, descriptor)


def _line(event: Event, known_as: uuid.UUID) -> bytes:
    kept = {"id": known_as, "event": type(event).__name__, "facts": event}
    try:
        return orjson.dumps(kept) + b"\n"
    except orjson.JSONEncodeError:
        # Half a surrogate pair, such as may stand in what a client or an upstream wrote.
        return json.dumps({**kept, "id": str(known_as), "facts": asdict(event)}).encode() + b"\n"


def _take_over(path: Path, raise_again: Raise) -> int:
    """0 for the file of a process that lives."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _raise_all(path, raise_again) if os.fstat(descriptor).st_nlink else 0
    except BlockingIOError:
        return 0
    finally:
        os.close(descriptor)


def _raise_all(path: Path, raise_again: Raise) -> int:
    found = list(_read(path))
    for event, known_as in found:
        raise_again(event, known_as)
    path.unlink()
    return len(found)


def _read(path: Path) -> Iterator[tuple[Event, uuid.UUID]]:
    for line in path.read_bytes().splitlines():
        try:
            kept = json.loads(line)
            yield from_json({"event": kept["event"], **kept["facts"]}), uuid.UUID(kept["id"])
        except (KeyError, TypeError, ValueError):
            # Cut short by the kill, before anybody was told that it is kept; or of another version.
            logger.warning("An event that a dead process left behind cannot be read", extra={"file": path.name})
