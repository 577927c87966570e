"""Recordings of a known length, made of nothing but headers and zeros."""

import struct


def wav(milliseconds: int, *, rate: int = 16_000, channels: int = 1, claims: int | None = None) -> bytes:
    """16 bits a sample. `claims` is the size that the header says, as a recorder writes that cannot know it."""
    block = 2 * channels
    data = bytes(rate * block * milliseconds // 1000)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * block, block, 16)
    # A chunk of odd size is padded.
    extra = struct.pack("<4sI", b"LIST", 3) + b"abc\x00"
    body = b"WAVE" + form + extra + struct.pack("<4sI", b"data", len(data) if claims is None else claims) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flac(milliseconds: int, *, rate: int = 44_100) -> bytes:
    bits = rate << 44 | 1 << 41 | 15 << 36 | rate * milliseconds // 1000
    return b"fLaC" + b"\x80\x00\x00\x22" + bytes(10) + struct.pack(">Q", bits) + bytes(16)


def opus(milliseconds: int, *, skipped: int = 312) -> bytes:
    def page(granule: int, data: bytes) -> bytes:
        return struct.pack("<4sBBqIIIB", b"OggS", 0, 0, granule, 1, 0, 0, 1) + bytes([len(data)]) + data

    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, skipped, 48_000, 0, 0)
    return page(0, head) + page(480, bytes(20)) + page(milliseconds * 48 + skipped, bytes(20))


def vorbis(milliseconds: int, *, rate: int = 22_050) -> bytes:
    head = b"\x01vorbis" + struct.pack("<IBI", 0, 1, rate) + bytes(14)
    first = struct.pack("<4sBBqIIIB", b"OggS", 0, 2, 0, 1, 0, 0, 1) + bytes([len(head)]) + head
    return first + struct.pack("<4sBBqIIIB", b"OggS", 0, 4, rate * milliseconds // 1000, 1, 1, 0, 1) + b"\x01\x00"


def mp4(milliseconds: int, *, version: int = 0, scale: int = 44_100) -> bytes:
    duration = scale * milliseconds // 1000
    times = struct.pack(">IIII" if version == 0 else ">QQIQ", 0, 0, scale, duration)
    mvhd = b"mvhd" + bytes([version, 0, 0, 0]) + times
    return struct.pack(">I", 16) + b"ftypM4A " + bytes(4) + struct.pack(">I", len(mvhd) + 4) + mvhd


# MPEG 1 and 2, layer III: 128 kbit/s at 44.1 kHz, 64 kbit/s at 24 kHz.
_MPEG_1, _MPEG_2 = 0xFFFB9000, 0xFFF38400


def mp3(milliseconds: int, *, tag: int = 0) -> bytes:
    """With a constant bit rate, and perhaps so many bytes of ID3 tag."""
    head = b"ID3\x04\x00\x00" + bytes([tag >> 21 & 127, tag >> 14 & 127, tag >> 7 & 127, tag & 127]) + bytes(tag)
    return (head if tag else b"") + struct.pack(">I", _MPEG_1) + bytes(milliseconds * 16 - 4)


def mp3_of_frames(frames: int) -> bytes:
    """With a variable bit rate: 576 samples a frame at 24 kHz, so 24 ms each."""
    return struct.pack(">I", _MPEG_2) + bytes(17) + b"Xing" + struct.pack(">II", 1, frames) + bytes(100)
