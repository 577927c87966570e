"""What a client may ask of a model: one member for each kind of request. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Operation(StrEnum):
    """Values are LiteLLM's `mode` of a deployment, where it has one."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
    MESSAGES = "messages"
    RESPONSES = "responses"
    MODERATION = "moderation"
    IMAGE = "image_generation"
    TRANSCRIPTION = "audio_transcription"
    SPEECH = "audio_speech"
    RERANK = "rerank"


# What the ledger calls them: LiteLLM's call types.
CALL_TYPES: dict[Operation, str] = {
    Operation.CHAT: "acompletion",
    Operation.COMPLETION: "atext_completion",
    Operation.EMBEDDING: "aembedding",
    Operation.MESSAGES: "anthropic_messages",
    Operation.RESPONSES: "aresponses",
    Operation.MODERATION: "amoderation",
    Operation.IMAGE: "aimage_generation",
    Operation.TRANSCRIPTION: "atranscription",
    Operation.SPEECH: "aspeech",
    Operation.RERANK: "arerank",
}

# What reports call them: the path that a client asks.
ENDPOINTS: dict[str, str] = {
    CALL_TYPES[operation]: path
    for operation, path in {
        Operation.CHAT: "/chat/completions",
        Operation.COMPLETION: "/completions",
        Operation.EMBEDDING: "/embeddings",
        Operation.MESSAGES: "/v1/messages",
        Operation.RESPONSES: "/responses",
        Operation.MODERATION: "/moderations",
        Operation.IMAGE: "/images/generations",
        Operation.TRANSCRIPTION: "/audio/transcriptions",
        Operation.SPEECH: "/audio/speech",
        Operation.RERANK: "/rerank",
    }.items()
}

# What can come as a stream of events through the gateway.
STREAMED = frozenset({Operation.CHAT, Operation.COMPLETION, Operation.MESSAGES, Operation.RESPONSES})

_TRANSCRIPTS_AS_TEXT = frozenset({"text", "srt", "vtt"})


def is_free(operation: Operation) -> bool:
    """Moderation is, at every provider, and so stands in no table of prices."""
    return operation is Operation.MODERATION


def answers_json(operation: Operation, body: Mapping[str, Any]) -> bool:
    """Whether a whole answer is a JSON object; else its bytes go through as they are, with their content type."""
    if operation is Operation.TRANSCRIPTION:
        return body.get("response_format") not in _TRANSCRIPTS_AS_TEXT
    return operation is not Operation.SPEECH
