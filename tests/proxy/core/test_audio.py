"""A recording tells its length, or nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.audio import audio_milliseconds
from tests.proxy.core.recordings import flac, mp3, mp3_of_frames, mp4, opus, vorbis, wav


@pytest.mark.parametrize(
    ("data", "milliseconds"),
    [
        pytest.param(wav(1500), 1500, id="wav"),
        pytest.param(wav(250, rate=44_100, channels=2), 250, id="wav in stereo"),
        pytest.param(wav(1500, claims=0xFFFFFFFF), 1500, id="wav of unknown size"),
        pytest.param(wav(1500, claims=16_000), 500, id="wav that is shorter than its file"),
        pytest.param(flac(90_000), 90_000, id="flac"),
        pytest.param(opus(2500), 2500, id="opus"),
        pytest.param(vorbis(2000), 2000, id="vorbis"),
        pytest.param(mp4(61_000), 61_000, id="mp4"),
        pytest.param(mp4(61_000, version=1), 61_000, id="mp4 of version 1"),
        pytest.param(mp3(3000), 3000, id="mp3"),
        pytest.param(mp3(3000, tag=1000), 3000, id="mp3 with a tag"),
        pytest.param(mp3_of_frames(100), 2400, id="mp3 of a variable rate"),
    ],
)
def test_a_recording_tells_its_length(data: bytes, milliseconds: int) -> None:
    assert audio_milliseconds(data) == milliseconds


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"text that is no audio",
        b"\x1aE\xdf\xa3webm",
        wav(1500, rate=0),
        wav(0),
        wav(1500)[:30],
        flac(0),
        flac(1000, rate=0),
        flac(1000)[:20],
        b"OggS" + bytes(100),
        opus(0),
        mp4(1000, scale=0),
        mp4(1000)[:-6],
        mp4(1000).replace(b"mvhd", b"free"),
        b"\xff\xfb",
        b"\xff\xff\xff\xff" + bytes(100),
        b"\xff\xfb\x00\x00" + bytes(100),
        b"\xff\xfb\x9c\x00" + b"Xing\x00\x00\x00\x01\x00\x00\x00\x09" + bytes(100),
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
        flac(800_000_000, rate=1),
        mp4(2_000_000_000, scale=1),
    ],
    ids=lambda data: repr(data[:24]),
)
def test_what_does_not_tell_a_length_has_none(data: bytes) -> None:
    assert audio_milliseconds(data) is None


_SAMPLES = [wav(20), flac(2000), opus(1000), vorbis(1000), mp4(1000), mp3(100), mp3(100, tag=30), mp3_of_frames(10)]


@given(st.sampled_from(_SAMPLES), st.integers(0), st.binary(max_size=12), st.booleans())
@settings(deadline=None, max_examples=500)
def test_a_damaged_recording_has_some_length_or_none(data: bytes, position: int, noise: bytes, cut: bool) -> None:
    position %= len(data)
    found = audio_milliseconds(data[:position] + noise + (b"" if cut else data[position + len(noise) :]))

    assert found is None or 0 < found <= 7 * 24 * 3600 * 1000
