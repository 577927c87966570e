"""What is being asked of upstreams now, kept where a killed process leaves it: a file that is mapped into memory.

Each attempt has a slot: opened before the upstream is asked, its count of tokens moved on while a stream runs, closed
when the ledger has the attempt. Writing to it costs about a microsecond and no system call. The file belongs to the
process that holds its lock; the lock goes with the process, and then any other process on the machine settles what
was open. It survives every death of the process, not the loss of the machine's disk or power.
"""

import fcntl
import logging
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

SLOT_BYTES = 4096
_GROW_BY = 256
_STATE, _HEAD = struct.Struct("<B"), struct.Struct("<xxxIIIQ")
# The state, what follows it, then the text.
_TEXT_AT = _STATE.size + _HEAD.size
MOST_TEXT = SLOT_BYTES - _TEXT_AT
_TOKENS_AT = _TEXT_AT - 8
_TOKENS = struct.Struct("<Q")
_OPEN = 1


@dataclass(frozen=True, slots=True)
class Left:
    """An attempt that nobody closed: its text, and how many tokens had been passed on."""

    text: bytes
    tokens: int


class InFlight:
    """The slots of this process, whose name is unique; `folder` may be shared by many. Belongs to one thread."""

    def __init__(self, folder: Path, process: str) -> None:
        self.folder = folder
        self._process = process
        self._file: int | None = None
        self._map: mmap.mmap | None = None
        self._free: list[int] = []
        self._count = 0
        self.path: Path | None = None

    def open(self, text: bytes) -> int:
        """Returns the slot's number. The text is there, whatever becomes of the process, when this returns.

        Raises OSError when the disk is full, and ValueError for a text of more than MOST_TEXT bytes.
        """
        if len(text) > MOST_TEXT:
            raise ValueError("too long for a slot")
        if not self._free:
            self._grow()
        slot = self._free.pop()
        place, memory = slot * SLOT_BYTES, self._map
        assert memory is not None
        end = place + _TEXT_AT + len(text)
        memory[place + _TEXT_AT : end] = text
        _HEAD.pack_into(memory, place + _STATE.size, len(text), zlib.crc32(text), 0, 0)
        # Last: a slot that is cut short by a kill was never open, and its upstream never asked.
        memory[place] = _OPEN
        return slot

    def count(self, slot: int, tokens: int) -> None:
        """So many tokens have gone to the client by now."""
        assert self._map is not None
        _TOKENS.pack_into(self._map, slot * SLOT_BYTES + _TOKENS_AT, tokens)

    def close(self, slot: int) -> None:
        assert self._map is not None
        self._map[slot * SLOT_BYTES] = 0
        self._free.append(slot)

    @property
    def opened(self) -> int:
        return self._count - len(self._free)

    def stop(self) -> None:
        """Forget the file if nothing is open; what is open stays for others to settle."""
        if self._map is None:
            return
        if len(self._free) == self._count and self.path is not None:
            self.path.unlink(missing_ok=True)
        self._map.close()
        assert self._file is not None
        os.close(self._file)
        self._map = self._file = None

    def _grow(self) -> None:
        if self._file is None:
            self._file, self.path = _create(self.folder, self._process)
        size = (self._count + _GROW_BY) * SLOT_BYTES
        # Blocks of its own: writing into a hole of a full disk would kill the process.
        os.posix_fallocate(self._file, 0, size)
        if self._map is None:
            self._map = mmap.mmap(self._file, size)
        else:
            self._map.resize(size)
        self._free += range(self._count + _GROW_BY - 1, self._count - 1, -1)
        self._count += _GROW_BY


def _create(folder: Path, process: str) -> tuple[int, Path]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{process}.inflight"
    making = path.with_suffix(".new")
    descriptor = os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    # Locked before it has the name that others look for.
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    making.rename(path)
    return descriptor, path


def settle_left_behind(folder: Path, settle: Callable[[Sequence[Left]], None]) -> int:
    """Hand over what dead processes left open, then forget their files. Returns how many attempts.

    What `settle` raises leaves the file as it is, for the next time.
    """
    return sum(_settle_file(path, settle) for path in sorted(folder.glob("*.inflight")))


def _settle_file(path: Path, settle: Callable[[Sequence[Left]], None]) -> int:
    """0 for the file of a process that lives, or whose settled entries still wait in a spool: those know better."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink == 0 or any(path.parent.glob(f"{path.stem}-*.jsonl")):
            return 0
        if found := _read(path):
            settle(found)
        path.unlink()
        return len(found)
    except BlockingIOError:
        return 0
    finally:
        os.close(descriptor)


def _read(path: Path) -> list[Left]:
    found, data = [], path.read_bytes()
    for place in range(0, len(data) - SLOT_BYTES + 1, SLOT_BYTES):
        if data[place] != _OPEN:
            continue
        length, check, _, tokens = _HEAD.unpack_from(data, place + _STATE.size)
        text = data[place + _TEXT_AT : place + _TEXT_AT + length]
        if length > MOST_TEXT or zlib.crc32(text) != check:
            logger.error("A record of an attempt in flight is damaged and left out", extra={"file": path.name})
            continue
        found.append(Left(text, tokens))
    return found
