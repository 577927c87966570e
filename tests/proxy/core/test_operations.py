"""Which answers are JSON, and that every operation has its name in the ledger."""

from typing import Any

import pytest

from proxy.core.operations import CALL_TYPES, Operation, answers_json


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_has_a_call_type_of_its_own(operation: Operation) -> None:
    assert list(CALL_TYPES.values()).count(CALL_TYPES[operation]) == 1


@pytest.mark.parametrize(
    ("operation", "body", "is_json"),
    [
        (Operation.CHAT, {"response_format": "text"}, True),
        (Operation.IMAGE, {"response_format": "url"}, True),
        (Operation.SPEECH, {}, False),
        (Operation.SPEECH, {"response_format": "mp3"}, False),
        (Operation.TRANSCRIPTION, {}, True),
        (Operation.TRANSCRIPTION, {"response_format": "json"}, True),
        (Operation.TRANSCRIPTION, {"response_format": "verbose_json"}, True),
        (Operation.TRANSCRIPTION, {"response_format": "text"}, False),
        (Operation.TRANSCRIPTION, {"response_format": "srt"}, False),
        (Operation.TRANSCRIPTION, {"response_format": "vtt"}, False),
    ],
)
def test_audio_and_subtitles_are_no_json(operation: Operation, body: dict[str, Any], is_json: bool) -> None:
    assert answers_json(operation, body) is is_json
