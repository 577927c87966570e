"""The numbers of one process, kept where a killed process leaves them: in a file that is mapped into memory.

Each number has a cell in three columns: what was counted, how much of that is in the sums of the fleet, and how much
was about to be when a flush began. A flush has a number of its own; with it, whoever finds the file of a dead process
knows what is still to be added, and adds it once. Counting costs an addition in memory and no system call. Names stand
in a second file, each before its cell is used. Both survive every death of the process, not the loss of the disk.
"""

import fcntl
import mmap
import os
import threading
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import orjson

from gateway_project.metrics.series import Changes, Key, Series

# Of whoever adds: reading, adding and writing back must not be torn. One for all, since hardly ever do two threads
# count at once.
adding = threading.Lock()
if TYPE_CHECKING:
    Numbers = memoryview[float]
else:
    Numbers = memoryview
SUFFIX = ".cells"
_NAMES = ".names"
_MAGIC = 0x0001_4C45_4354
_BLOCK_CELLS = 2048
_COLUMN_BYTES = _BLOCK_CELLS * 8
_BLOCK_BYTES = 3 * _COLUMN_BYTES
_HEADER_BYTES = mmap.PAGESIZE
_PREPARED, _FLUSHED, _BEGAN = 1, 2, 3
# No count, but when a series was last seen to count: it has a cell of its own, which is in no sum.
_TOUCHED = "_touched_at"


@dataclass(frozen=True, slots=True)
class Block:
    counted: Numbers
    flushed: Numbers
    prepared: Numbers

    @classmethod
    def over(cls, memory: memoryview) -> Self:
        columns = (memory[first : first + _COLUMN_BYTES] for first in range(0, _BLOCK_BYTES, _COLUMN_BYTES))
        return cls(*(column.cast("d") for column in columns))

    @classmethod
    def in_memory(cls) -> Self:
        return cls.over(memoryview(bytearray(_BLOCK_BYTES)))


class Cells:
    """Of this process. One thread at a time flushes, and one at a time makes places; each may while the other does."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.blocks: list[Block] = []
        self._places: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._file: int | None = None
        self._names: int | None = None
        self._header = memoryview(bytearray(32)).cast("q")
        self.path: Path | None = None

    @classmethod
    def create(cls, path: Path) -> Self:
        """Raises FileExistsError, BlockingIOError while another process holds it, OSError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        cells = cls()
        making = path.with_suffix(f".{os.getpid()}.new")
        cells._file = os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        # Locked before it has the name that others look for.
        fcntl.flock(cells._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        names = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        cells._names = os.open(path.with_suffix(_NAMES), names, 0o600)
        os.posix_fallocate(cells._file, 0, _HEADER_BYTES)
        cells._map_header()
        cells._header[0] = _MAGIC
        making.rename(path)
        cells.path = path
        return cells

    @classmethod
    def take_over(cls, path: Path) -> Self:
        """Count on where a dead process stopped.

        Raises FileNotFoundError, BlockingIOError while its process lives, ValueError for what is no such file.
        """
        cells = cls()
        cells._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(cells._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            cells._map_all(path)
            names = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            cells._names = os.open(path.with_suffix(_NAMES), names, 0o600)
            cells._read_names()
        except BaseException:
            cells.close()
            raise
        cells.path = path
        return cells

    def place(self, series: Series, part: str) -> tuple[Numbers, int]:
        """Where that number is counted. Raises OSError when the disk is full."""
        key = Key(series.id, part)
        if (place := self._places.get(key)) is None:
            place = len(self._keys)
            if place == len(self.blocks) * _BLOCK_CELLS:
                self._grow()
            if series.id not in self.series:
                self._name(series.definition)
                self.series[series.id] = series
            self._name(orjson.dumps([*key]))
            self._places[key] = place
            self._keys.append(key)
        return self.blocks[place // _BLOCK_CELLS].counted, place % _BLOCK_CELLS

    def counted(self) -> Changes:
        """Every number, also those that are 0."""
        columns = [block.counted.tolist() for block in self.blocks]
        return {
            key: columns[place // _BLOCK_CELLS][place % _BLOCK_CELLS]
            for place, key in enumerate(self._keys)
            if key.part != _TOUCHED
        }

    def touched(self, now: float) -> Mapping[str, float]:
        """When each series was last seen to count: what did since the last look did so `now`.

        For numbers that are never flushed: a look stands where the beginning of a flush would. Raises OSError when the
        disk is full.
        """
        looked = [block.counted.tolist() for block in self.blocks]
        counted = {key.series for key in self._differences("counted", "prepared")}
        for series_id in self.series:
            if series_id in counted or Key(series_id, _TOUCHED) not in self._places:
                numbers, at = self.place(self.series[series_id], _TOUCHED)
                numbers[at] = now
        for block, column in zip(self.blocks, looked, strict=False):
            block.prepared[:] = memoryview(array("d", column))
        return {
            key.series: self.blocks[place // _BLOCK_CELLS].counted[place % _BLOCK_CELLS]
            for key, place in self._places.items()
            if key.part == _TOUCHED
        }

    def began(self, now: int) -> int:
        """Since when it counts, in nanoseconds: `now`, unless it is known already."""
        if not self._header[_BEGAN]:
            self._header[_BEGAN] = now
        return self._header[_BEGAN]

    def pending(self) -> tuple[int, Changes]:
        """What the last flush may have left half done, and its number; nothing when it ended well."""
        sequence = self._header[_PREPARED]
        if sequence == self._header[_FLUSHED]:
            return sequence, {}
        return sequence, self._differences("prepared", "flushed")

    def prepare(self) -> tuple[int, Changes]:
        """Begin a flush: its number, and what it has to add. There must be none half done."""
        for block in self.blocks:
            block.prepared[:] = block.counted
        changes = self._differences("prepared", "flushed")
        sequence: int = self._header[_FLUSHED] + 1
        if changes:
            # Last: without it, what was prepared means nothing.
            self._header[_PREPARED] = sequence
        return sequence, changes

    def flushed(self, sequence: int) -> None:
        """What was prepared is part of the sums now."""
        for block in self.blocks:
            block.flushed[:] = block.prepared
        self._header[_FLUSHED] = sequence

    def not_begun(self) -> Changes:
        """What was counted since the last flush began."""
        is_half_done = self._header[_PREPARED] != self._header[_FLUSHED]
        return self._differences("counted", "prepared" if is_half_done else "flushed")

    def close(self) -> None:
        if self._file is not None:
            # The maps hold the file open, and with it the lock.
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self.abandon()

    def abandon(self) -> None:
        """In a child: the file goes on to be its parent's, with the lock that unlocking here would take from it."""
        for descriptor in (self._file, self._names):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._names = None

    def forget(self) -> None:
        """Nothing in it is needed any more."""
        assert self.path is not None
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(_NAMES).unlink(missing_ok=True)
        self.close()

    def _differences(self, above: str, below: str) -> Changes:
        found: Changes = {}
        for number, block in enumerate(self.blocks):
            high, low = getattr(block, above), getattr(block, below)
            if high == low:
                continue
            first = number * _BLOCK_CELLS
            keys = self._keys[first : first + _BLOCK_CELLS]
            for key, more, less in zip(keys, high.tolist(), low.tolist(), strict=False):
                if more != less and key.part != _TOUCHED:
                    found[key] = more - less
        return found

    def _grow(self) -> None:
        if self._file is None:
            self.blocks.append(Block.in_memory())
            return
        # Blocks of its own: writing into a hole of a full disk would kill the process.
        os.posix_fallocate(self._file, 0, _HEADER_BYTES + (len(self.blocks) + 1) * _BLOCK_BYTES)
        self._map_block()

    def _map_all(self, path: Path) -> None:
        assert self._file is not None
        stat = os.fstat(self._file)
        if stat.st_nlink == 0:
            raise FileNotFoundError(path)
        if stat.st_size < _HEADER_BYTES:
            raise ValueError(f"{path.name} has no header")
        self._map_header()
        if self._header[0] != _MAGIC:
            raise ValueError(f"{path.name} holds no metrics of this version")
        for _ in range((stat.st_size - _HEADER_BYTES) // _BLOCK_BYTES):
            self._map_block()

    def _map_header(self) -> None:
        assert self._file is not None
        self._header = memoryview(mmap.mmap(self._file, _HEADER_BYTES)).cast("q")

    def _map_block(self) -> None:
        assert self._file is not None
        at = _HEADER_BYTES + len(self.blocks) * _BLOCK_BYTES
        self.blocks.append(Block.over(memoryview(mmap.mmap(self._file, _BLOCK_BYTES, offset=at))))

    def _name(self, line: bytes) -> None:
        if self._names is not None:
            os.write(self._names, line + b"\n")

    def _read_names(self) -> None:
        assert self._names is not None
        text = os.pread(self._names, os.fstat(self._names).st_size, 0)
        whole, _, cut = text.rpartition(b"\n")
        if cut:
            # Of a name that was being written when the process died, no cell was used.
            os.ftruncate(self._names, len(text) - len(cut))
        for line in whole.splitlines():
            parts = orjson.loads(line)
            if len(parts) == 3:
                series = Series.defined(line)
                self.series[series.id] = series
            else:
                key = Key(*parts)
                self._places[key] = len(self._keys)
                self._keys.append(key)
        if len(self._keys) > len(self.blocks) * _BLOCK_CELLS:
            raise ValueError("more names than cells")


@dataclass
class Left:
    """What a dead process had counted: the flush it was in, and what it had not begun to flush."""

    process: str
    series: dict[str, Series]
    flushes: list[tuple[int, Changes]] = field(default_factory=list)


@contextmanager
def left_behind(path: Path) -> Iterator[Left | None]:
    """What is left in the file of a dead process, None for one that lives; forgotten when the block ends well.

    Raises ValueError, having put the file aside, for one that is damaged.
    """
    try:
        cells = Cells.take_over(path)
    except (FileNotFoundError, BlockingIOError):
        yield None
        return
    except ValueError:
        path.rename(path.with_suffix(".damaged"))
        raise
    sequence, half_done = cells.pending()
    left = Left(path.stem, cells.series)
    if half_done:
        left.flushes.append((sequence, half_done))
    if rest := cells.not_begun():
        left.flushes.append((sequence + 1, rest))
    try:
        yield left
    except BaseException:
        cells.close()
        raise
    cells.forget()
