"""How long a recording is, as far as its bytes tell without decoding them. Pure.

What a header claims may be a lie, so this is for estimates: when a provider does not say what it counted.
"""

import struct
from collections.abc import Callable

_LONGEST_MS = 7 * 24 * 3600 * 1000
_MOST_CHUNKS = 64


def audio_milliseconds(data: bytes) -> int | None:
    """None when the format is not known (WAV, FLAC, Ogg, MP3 and MP4 are) or its header makes no sense."""
    for is_it, read in _READERS:
        if is_it(data):
            try:
                found = read(data)
            except (struct.error, ZeroDivisionError):
                return None
            return found if 0 < found <= _LONGEST_MS else None
    return None


def _wav(data: bytes) -> int:
    bytes_a_second: int = 0
    position: int = 12
    for _ in range(_MOST_CHUNKS):
        name, size = struct.unpack_from("<4sI", data, position)
        position += 8
        if name == b"fmt ":
            (samples,) = struct.unpack_from("<I", data, position + 4)
            (block,) = struct.unpack_from("<H", data, position + 12)
            bytes_a_second = samples * block
        elif name == b"data":
            # Whoever writes while recording cannot know the size, and puts the greatest there is.
            length: int = min(size, len(data) - position)
            return length * 1000 // bytes_a_second
        position += size + size % 2
    return 0


def _flac(data: bytes) -> int:
    """STREAMINFO is always the first block: 20 bits of rate, 3 of channels, 5 of depth, 36 of samples."""
    (bits,) = struct.unpack_from(">Q", data, 18)
    return int((bits & (1 << 36) - 1) * 1000 // (bits >> 44))


def _ogg(data: bytes) -> int:
    """The last page says how many samples there were up to its end."""
    head = data[:512]
    skipped = 0
    if (opus := head.find(b"OpusHead")) >= 0:
        rate = 48_000
        (skipped,) = struct.unpack_from("<H", data, opus + 10)
    elif (vorbis := head.find(b"\x01vorbis")) >= 0:
        (rate,) = struct.unpack_from("<I", data, vorbis + 12)
    else:
        return 0
    (samples,) = struct.unpack_from("<q", data, data.rfind(b"OggS") + 6)
    return int((samples - skipped) * 1000 // rate)


def _mp4(data: bytes) -> int:
    """The movie's header: time scale and duration, of 4 bytes each in version 0."""
    position = data.find(b"mvhd") + 4
    if position < 4:
        return 0
    shape = ">IQ" if data[position : position + 1] == b"\x01" else ">II"
    scale, duration = struct.unpack_from(shape, data, position + (20 if shape == ">IQ" else 12))
    return int(duration * 1000 // scale)


_BITRATES = {
    # Layer III, kbit/s: MPEG 1, and MPEG 2 and 2.5.
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_RATES = {3: (44_100, 48_000, 32_000, 0), 2: (22_050, 24_000, 16_000, 0), 0: (11_025, 12_000, 8_000, 0)}
_LAYER_3 = 1


def _mp3(data: bytes) -> int:
    """By the count of frames that a Xing header gives, else by the first frame's bit rate."""
    start = _after_tag(data)
    (head,) = struct.unpack_from(">I", data, start)
    version, layer = head >> 19 & 3, head >> 17 & 3
    if head >> 21 != 0x7FF or version not in _RATES or layer != _LAYER_3:
        return 0
    kilobits, rate = _BITRATES[3 if version == 3 else 2][head >> 12 & 15], _RATES[version][head >> 10 & 3]
    mark = max(data.find(b"Xing", start, start + 64), data.find(b"Info", start, start + 64))
    if mark >= 0:
        flags, frames = struct.unpack_from(">II", data, mark + 4)
        if flags & 1:
            return int(frames * (1152 if version == 3 else 576) * 1000 // rate)
    # Kilobits a second are bits a millisecond.
    return (len(data) - start) * 8 // kilobits


def _after_tag(data: bytes) -> int:
    """An ID3v2 tag's size is in 7 bits a byte."""
    if not data.startswith(b"ID3"):
        return 0
    sizes = struct.unpack_from(">4B", data, 6)
    length: int = sum(size << shift for size, shift in zip(sizes, (21, 14, 7, 0), strict=True))
    return 10 + length


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], int]], ...] = (
    (lambda data: data.startswith(b"RIFF") and data[8:12] == b"WAVE", _wav),
    (lambda data: data.startswith(b"fLaC"), _flac),
    (lambda data: data.startswith(b"OggS"), _ogg),
    (lambda data: data[4:8] == b"ftyp", _mp4),
    (lambda data: data.startswith(b"ID3") or data[:1] == b"\xff", _mp3),
)
