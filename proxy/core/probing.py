"""What a health check asks of a deployment: the smallest real request of its kind. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from proxy.core.calls import Call, parse_call
from proxy.core.operations import Operation

PROBE_SECONDS = 60.0
LONGEST_SECONDS = 600.0
# An answer of one token says all there is to know, and costs least.
LEAST_TOKENS = 1
# What thinks before it answers may refuse to stop that early; 16 is the least that OpenAI's responses take.
LEAST_TOKENS_REASONING = 16
_QUESTION = "What's 1 + 1?"
_MESSAGES = [{"role": "user", "content": _QUESTION}]

# The body, and how it limits the answer, of what costs next to nothing to ask; anything else is not asked.
QUESTIONS: Mapping[Operation, tuple[Mapping[str, Any], str]] = {
    Operation.CHAT: ({"messages": _MESSAGES}, "max_tokens"),
    Operation.COMPLETION: ({"prompt": _QUESTION}, "max_tokens"),
    Operation.MESSAGES: ({"messages": _MESSAGES}, "max_tokens"),
    Operation.RESPONSES: ({"input": _QUESTION}, "max_output_tokens"),
    Operation.EMBEDDING: ({"input": ["health"]}, ""),
    Operation.MODERATION: ({"input": "health"}, ""),
    Operation.RERANK: ({"query": "health", "documents": ["health"], "top_n": 1}, ""),
}
# Of a deployment's own parameters for its requests, those that make a probe dear, or that its short answer contradicts.
NOT_PROBED = frozenset(
    {
        "background", "best_of", "max_completion_tokens", "max_output_tokens", "max_tokens", "n", "reasoning",
        "reasoning_effort", "store", "stream", "stream_options", "thinking",
    }
)  # fmt: skip

_REASONS = re.compile(r"(^|[/.:-])(o\d|gpt-5|gpt-oss)|reason|think|magistral|qwq|(^|[/.:-])(deepseek-)?r\d+($|[.:-])")
# OpenAI and Azure know no max_tokens for models that reason.
_RENAME = frozenset({"openai", "azure"})
_OUTPUT_LIMIT = re.compile(r"output limit was reached|max_tokens.{0,40}was reached", re.IGNORECASE)
# By the names that providers give their models; a chat is what is left.
_GUESSES: tuple[tuple[re.Pattern[str], Operation], ...] = (
    (re.compile(r"embed|(^|[/-])(bge|e5|gte)-"), Operation.EMBEDDING),
    (re.compile(r"rerank"), Operation.RERANK),
    (re.compile(r"moderation"), Operation.MODERATION),
    (re.compile(r"whisper|transcri"), Operation.TRANSCRIPTION),
    (re.compile(r"(^|[/-])tts(-|$)"), Operation.SPEECH),
    (re.compile(r"dall-e|gpt-image|imagen|stable-diffusion|(^|[/-])flux"), Operation.IMAGE),
    (re.compile(r"davinci-002|babbage-002|turbo-instruct"), Operation.COMPLETION),
)


def operation_of(mode: Any, model: str) -> Operation | None:
    """By `model_info.mode`, else by the model's name. None for a mode that is nothing we can ask."""
    if isinstance(mode, str) and mode:
        return Operation(mode) if mode in set(Operation) else None
    lowered = model.lower()
    return next((operation for pattern, operation in _GUESSES if pattern.search(lowered)), Operation.CHAT)


def question(operation: Operation, *, provider: str, model: str, max_tokens: Any = None) -> Call | None:
    """The call to make; None for what would cost real money each time: images, speech, transcripts.

    `max_tokens` is `model_info.health_check_max_tokens`; without it the answer is one token, 16 where the model's name
    says that it reasons.
    """
    if (found := QUESTIONS.get(operation)) is None:
        return None
    body, limit = found
    reasons = _REASONS.search(model.lower()) is not None
    if limit == "max_tokens" and operation is Operation.CHAT and reasons and provider in _RENAME:
        limit = "max_completion_tokens"
    least = LEAST_TOKENS_REASONING if reasons or operation is Operation.RESPONSES else LEAST_TOKENS
    own = max_tokens if type(max_tokens) is int and max_tokens > 0 else least
    return parse_call(operation, {**body, "model": model, **({limit: own} if limit else {})}, route="/health")


def probe_seconds(value: Any) -> float:
    """How long to wait, by `model_info.health_check_timeout`."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= LONGEST_SECONDS
    return float(value) if usable else PROBE_SECONDS


def only_stopped_short(message: str) -> bool:
    """Whether a refusal says no more than that a model which reasons was not given enough tokens to answer.

    It was there, took our credentials and worked on the question, which is what a probe wants to know.
    """
    return _OUTPUT_LIMIT.search(message) is not None
