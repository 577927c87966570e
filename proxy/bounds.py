"""What a request may cost at most, by whom may serve it: so much is held before anybody is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budgets.core.pricing import NOTHING, Price, Usage, affordable_tokens, ceiling
from proxy.core.calls import Call
from proxy.core.operations import Operation
from proxy.deployments import Deployment
from proxy.registry import Group

# Of a model whose longest answer nobody knows; LiteLLM's number.
DEFAULT_OUTPUT_TOKENS = 16_384
# Below this an answer is worth nothing.
FEWEST_TOKENS = 16
# The most that providers count for a picture, which its address does not tell.
_TOKENS_AN_IMAGE = 3_000
# Audio of 16 kbit/s, less than what speech is sent at.
_BYTES_A_MS = 2
# OpenAI's own count of what wraps a message is three or four.
_BYTES_A_MESSAGE = 8
# Names that no model is shown.
_KNOWN = frozenset(
    {"content", "frequency_penalty", "max_completion_tokens", "max_output_tokens", "max_tokens", "messages", "model",
     "n", "presence_penalty", "role", "seed", "stream", "stream_options", "temperature", "text", "top_p", "type",
     "user"}
)  # fmt: skip
# What limits an answer; of several names the first is ours to use. Other operations know none.
_LIMITS = {
    Operation.CHAT: ("max_tokens", "max_completion_tokens"),
    Operation.COMPLETION: ("max_tokens",),
    Operation.MESSAGES: ("max_tokens",),
    Operation.RESPONSES: ("max_output_tokens",),
}


@dataclass(frozen=True, slots=True)
class Bound:
    """Nano-dollars. `prices` are those of whoever may serve it."""

    ceiling_nano: int = 0
    floor_nano: int = 0
    prompt_tokens: int = 0
    answers: int = 1
    prices: tuple[Price, ...] = ()
    beside: Usage = NOTHING

    def affordable(self, nano: int) -> int:
        """How many tokens each answer may have for the whole to cost no more than `nano`, whoever serves it."""
        return min(
            (
                affordable_tokens(
                    price, prompt_tokens=self.prompt_tokens, nano=nano, answers=self.answers, beside=self.beside
                )
                for price in self.prices
            ),
            default=DEFAULT_OUTPUT_TOKENS,
        )


def bound_of(call: Call, group: Group, *, prompt_bytes: int) -> Bound:
    """Of models without a price nothing is known, and nothing held."""
    operation, body = call.operation, call.body
    # A token is a byte or more; what is not text of the body is counted as more than that.
    prompt = prompt_bytes + _TOKENS_AN_IMAGE * _pictures(body)
    answers, beside = _answers(operation, body), _beside(operation, body, prompt_bytes)
    priced = [one for one in group.deployments if one.price is not None]
    most, least = 0, 0
    for one in priced:
        assert one.price is not None
        tokens = _output_tokens(operation, body, one)
        price = one.price.price
        most = max(
            most,
            ceiling(price, prompt_tokens=prompt, completion_tokens=tokens, answers=answers, beside=beside),
        )
        fewest = min(tokens, FEWEST_TOKENS)
        least = max(
            least,
            ceiling(price, prompt_tokens=prompt, completion_tokens=fewest, answers=answers, beside=beside),
        )
    return Bound(
        ceiling_nano=most,
        floor_nano=least,
        prompt_tokens=prompt,
        answers=answers,
        prices=tuple(one.price.price for one in priced if one.price is not None),
        beside=beside,
    )


def prompt_bytes_of(call: Call, *, sent: int) -> int:
    """Of what a model is shown, each message with a few beside its own; of a recording, what was `sent`."""
    if call.operation is Operation.TRANSCRIPTION:
        return sent
    messages = call.body.get("messages", call.body.get("input"))
    count = len(messages) if isinstance(messages, list) else 1
    return _text_bytes(call.body) + _BYTES_A_MESSAGE * (count + 1)


def asked_tokens(operation: Operation, body: Mapping[str, Any]) -> int | None:
    """How long an answer the client allows; None when it does not say.

    Of several limits it is the largest: which of them counts is the provider's to decide. Some take 0 for none.
    """
    given = [limit for name in _LIMITS.get(operation, ()) if (limit := _limit(body.get(name))) is not None]
    return max(given, default=None)


def capped(operation: Operation, body: dict[str, Any], tokens: int) -> dict[str, Any]:
    """The body with answers of at most so many tokens; as it is where answers have no such limit."""
    if (known := _LIMITS.get(operation)) is None:
        return body
    names = [one for one in known if one in body] or known[:1]
    return {**body, **{one: min(tokens, _limit(body.get(one)) or tokens) for one in names}}


def _limit(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _text_bytes(value: Any) -> int:
    """Of all texts within, names included; what stands there as data is no text."""
    if isinstance(value, str):
        return 0 if value.startswith("data:") else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, Mapping):
        return sum((0 if name in _KNOWN else len(str(name))) + _text_bytes(one) for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(_text_bytes, value))
    return 0 if value is None or isinstance(value, bool) else 8


def _output_tokens(operation: Operation, body: Mapping[str, Any], deployment: Deployment) -> int:
    if operation not in _LIMITS:
        # Images in tokens and transcriptions are bounded as long answers are; the others answer without any.
        return DEFAULT_OUTPUT_TOKENS if operation in (Operation.IMAGE, Operation.TRANSCRIPTION) else 0
    asked = asked_tokens(operation, {**deployment.defaults, **body})
    return deployment.max_output_tokens or DEFAULT_OUTPUT_TOKENS if asked is None else asked


def _answers(operation: Operation, body: Mapping[str, Any]) -> int:
    """How many are generated and billed, be they shown or not."""
    answers = _count(body.get("n"))
    if operation is not Operation.COMPLETION:
        return answers
    # OpenAI, completions: "best_of" are generated of which "n" are shown, and as many for each of several prompts.
    prompts = body.get("prompt")
    several = 1
    if isinstance(prompts, list) and not all(isinstance(one, int) for one in prompts):
        several = len(prompts)
    return max(answers, _count(body.get("best_of"))) * several


def _beside(operation: Operation, body: Mapping[str, Any], size: int) -> Usage:
    if operation is Operation.IMAGE:
        return Usage(images=_count(body.get("n")))
    if operation is Operation.SPEECH:
        return Usage(characters=size)
    if operation is Operation.TRANSCRIPTION:
        return Usage(milliseconds=size // _BYTES_A_MS)
    if operation is Operation.RERANK:
        documents = body.get("documents")
        # Cohere, pricing: one search is a query with up to a hundred documents.
        return Usage(queries=1 + (len(documents) if isinstance(documents, list) else 0) // 100)
    return NOTHING


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else 1


def _pictures(body: Mapping[str, Any]) -> int:
    """Parts of messages that are no text."""
    found = 0
    messages = body.get("messages", body.get("input"))
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, list):
            found += sum(
                isinstance(part, Mapping) and part.get("type") not in ("text", "input_text") for part in content
            )
    return found
