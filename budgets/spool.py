"""Ledger entries on local disk while the database is away: append, sync, and later drain.

A file belongs to the process that holds its lock. When the process dies the lock goes with it and any other
process on the machine drains the file; entries carry their own id, so draining twice stores them once.
"""

import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

logger = logging.getLogger(__name__)

BATCH = 1000


class Spool:
    """`process` is the name of this process, by which it can be told whether a dead one left anything here."""

    def __init__(self, folder: Path, process: str = "") -> None:
        self._folder = folder
        self._process = process or uuid.uuid4().hex
        self._file: IO[bytes] | None = None
        self._lines: dict[Path, int] = {}

    def append(self, lines: Sequence[bytes]) -> None:
        """On disk when this returns. Raises OSError when the disk refuses."""
        if self._file is None:
            self._file = self._create()
        descriptor = self._file.fileno()
        length = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, b"".join(line + b"\n" for line in lines))
            os.fdatasync(descriptor)
        except OSError:
            # Whoever waits is told that nothing was stored, so nothing may be found here later.
            self._cut(length)
            raise
        path = self._folder / Path(self._file.name).with_suffix(".jsonl").name
        self._lines[path] = self._lines.get(path, 0) + len(lines)

    def waiting(self) -> tuple[int, int]:
        """Lines of this process that are not drained, and their bytes. From any thread."""
        lines = size = 0
        for path, count in list(self._lines.items()):
            try:
                size += path.stat().st_size
                lines += count
            except FileNotFoundError:
                self._lines.pop(path, None)
        return lines, size

    def _cut(self, length: int) -> None:
        assert self._file is not None
        try:
            os.ftruncate(self._file.fileno(), length)
            os.lseek(self._file.fileno(), length, os.SEEK_SET)
        except OSError:
            # The torn line stays the last one of its file, where a drain drops it.
            self._file.close()
            self._file = None

    def pending(self) -> bool:
        return self._file is not None or any(self._folder.glob("*.jsonl"))

    def drain(self, store: Callable[[Sequence[bytes]], None]) -> int:
        """Hand every stored line to `store` and forget it; returns how many. What `store` raises stops the drain."""
        if self._file is not None:
            self._file.close()
            self._file = None
        count = 0
        for path in sorted(self._folder.glob("*.jsonl")):
            with _opened(path) as file:
                if file is None or not _lock(file) or os.fstat(file.fileno()).st_nlink == 0:
                    continue
                for lines in _batches(file):
                    store(lines)
                    count += len(lines)
                path.unlink()
        return count

    def reject(self, line: bytes) -> None:
        """Keep an entry that no drain should try again, for a person to look at."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "rejected.txt").open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _create(self) -> IO[bytes]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{self._process}-{uuid.uuid4().hex}"
        # Locked before it has the name that drains look for: one that found it unlocked would take it away.
        file = (self._folder / f"{name}.new").open("xb", buffering=0)
        _lock(file)
        (self._folder / f"{name}.new").rename(self._folder / f"{name}.jsonl")
        _sync_folder(self._folder)
        return file


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | None]:
    """None when another process has drained it meanwhile."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        yield file


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """A new file's name is durable only once its folder is synced."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _batches(file: IO[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in file:
        # A line without its newline was cut by a crash before anyone was told it is stored.
        if not line.endswith(b"\n"):
            logger.warning("Dropped the torn last line of a spool file")
            break
        batch.append(line[:-1])
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
