"""What OpenAI and its like answer beside texts: embeddings, moderations, images, audio, rankings, and their bills."""

import base64
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesFeedParser
from email.policy import HTTP
from typing import Any
from uuid import uuid4

from tests.fakes.completion import Billed
from tests.fakes.server import Received

SPEECH = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" + bytes(16_000)
_CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
_CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "pcm": "audio/pcm",
}


@dataclass(kw_only=True)
class Others:
    """Settings, to be changed at any time. `file` is what a transcription must come with, byte for byte.

    `transcript_usage` is "tokens", "duration" or "" for none. `search_units` 0 leaves `meta` out of a ranking, as do
    `ranking_tokens`, by which Voyage and Jina bill it; the former has it `ranked_under` "data".
    """

    seconds: float = 7.5
    transcript: str = "The toll is paid."
    transcript_usage: str = "duration"
    file: bytes | None = None
    forms: list[dict[str, list[bytes]]] = field(default_factory=list)
    speech: bytes = SPEECH
    embedding: tuple[float, ...] = (0.25, -0.5, 0.125)
    image: bytes = b"\x89PNG\r\n\x1a\n"
    image_tokens: int = 272
    search_units: int = 1
    ranking_tokens: int = 0
    ranked_under: str = "results"
    omit_usage: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    body: dict[str, Any] | bytes
    billed: Billed
    headers: Mapping[str, str] = field(default_factory=dict)


def _billed(
    asked: Mapping[str, Any], prompt: int = 0, completion: int = 0, *, units: int = 0, unit: str = ""
) -> Billed:
    return Billed(
        id=f"req_{uuid4().hex}",
        model=str(asked["model"]),
        prompt_tokens=prompt,
        completion_tokens=completion,
        stream=False,
        finished=True,
        units=units,
        unit=unit,
    )


def _embed(others: Others, received: Received) -> Answered:
    asked = received.json()
    given = asked["input"]
    inputs = [given] if isinstance(given, str) or all(isinstance(one, int) for one in given) else given
    tokens = sum(len(one) // 4 + 1 if isinstance(one, str) else len(one) for one in inputs)
    vector: Any = list(others.embedding)
    if asked.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(others.embedding)}f", *others.embedding)).decode()
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(inputs))]
    usage = {} if others.omit_usage else {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    return Answered({"object": "list", "data": data, "model": asked["model"], **usage}, _billed(asked, tokens))


def _moderate(others: Others, received: Received) -> Answered:
    asked = received.json()
    given = asked["input"]
    results = [
        {
            "flagged": "violence" in str(one),
            "categories": {name: name in str(one) for name in _CATEGORIES},
            "category_scores": {name: 0.9 if name in str(one) else 0.0001 for name in _CATEGORIES},
        }
        for one in ([given] if isinstance(given, str) else given)
    ]
    return Answered({"id": f"modr-{uuid4().hex}", "model": asked["model"], "results": results}, _billed(asked))


def _draw(others: Others, received: Received) -> Answered:
    """Models of the gpt-image kind report tokens and send bytes; the others say where the image is."""
    asked = received.json()
    count = asked.get("n") or 1
    if not asked["model"].startswith("gpt-image"):
        data = [{"url": f"https://images.example/{uuid4().hex}.png", "revised_prompt": asked["prompt"]}] * count
        return Answered({"created": int(time.time()), "data": data}, _billed(asked, units=count, unit="image"))
    prompt, made = len(asked["prompt"]) // 4 + 1, others.image_tokens * count
    usage = {
        "input_tokens": prompt,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": prompt},
        "output_tokens": made,
        "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
        "total_tokens": prompt + made,
    }
    data = [{"b64_json": base64.b64encode(others.image).decode()}] * count
    body = {"created": int(time.time()), "data": data, **({} if others.omit_usage else {"usage": usage})}
    return Answered(body, _billed(asked, prompt, made, units=count, unit="image"))


def _transcribe(others: Others, received: Received) -> Answered:
    form = read_form(received)
    others.forms.append(form)
    asked = {name: values[0].decode("utf-8", "surrogateescape") for name, values in form.items() if name != "file"}
    [file] = form["file"]
    if others.file is not None and file != others.file:
        raise ValueError(f"{len(file)} bytes came that are not the {len(others.file)} that were sent")
    milliseconds = round(others.seconds * 1000)
    if asked.get("response_format") in {"text", "srt", "vtt"}:
        text = f"1\n00:00:00,000 --> 00:00:07,500\n{others.transcript}\n\n".encode()
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return Answered(text, _billed(asked, units=milliseconds, unit="millisecond"), headers)
    body: dict[str, Any] = {"text": others.transcript}
    if asked.get("response_format") == "verbose_json":
        body |= {"task": "transcribe", "language": "english", "duration": others.seconds, "segments": []}
    if others.transcript_usage == "tokens":
        heard, said = int(others.seconds * 10), len(others.transcript) // 4 + 1
        body["usage"] = {
            "type": "tokens",
            "total_tokens": heard + said,
            "input_tokens": heard,
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
            "output_tokens": said,
        }
        return Answered(body, _billed(asked, heard, said, units=milliseconds, unit="millisecond"))
    if others.transcript_usage == "duration":
        body["usage"] = {"type": "duration", "seconds": others.seconds}
    return Answered(body, _billed(asked, units=milliseconds, unit="millisecond"))


def read_form(received: Received) -> dict[str, list[bytes]]:
    """The standard library's way, which shares nothing with ours."""
    parser = BytesFeedParser(policy=HTTP)
    parser.feed(b"Content-Type: " + received.headers["content-type"].encode() + b"\r\n\r\n" + received.body)
    message = parser.close()
    if message.defects or not message.is_multipart():
        raise ValueError(f"no proper form: {message.defects}")
    form: dict[str, list[bytes]] = {}
    for part in message.iter_parts():  # type: ignore[attr-defined]
        name = part.get_param("name", header="content-disposition")
        form.setdefault(str(name), []).append(part.get_payload(decode=True))
    return form


def _speak(others: Others, received: Received) -> Answered:
    asked = received.json()
    characters = len(asked["input"])
    if not asked["voice"]:
        raise ValueError("no voice")
    kind = _CONTENT_TYPES[asked.get("response_format", "mp3")]
    return Answered(others.speech, _billed(asked, units=characters, unit="character"), {"Content-Type": kind})


def _rank(others: Others, received: Received) -> Answered:
    """Cohere's shape: those with more of the query's words go first."""
    asked = received.json()
    words = set(asked["query"].lower().split())
    texts = [one if isinstance(one, str) else str(one["text"]) for one in asked["documents"]]
    scores = [len(words & set(text.lower().split())) / (len(words) or 1) for text in texts]
    ranked = sorted(range(len(texts)), key=lambda index: -scores[index])[: asked.get("top_n", asked.get("top_k"))]
    results = [{"index": index, "relevance_score": scores[index]} for index in ranked]
    if tokens := others.ranking_tokens:
        usage = {"total_tokens": tokens}
        return Answered(
            {"object": "list", "model": asked["model"], others.ranked_under: results, "usage": usage},
            _billed(asked, tokens),
        )
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": others.search_units}}
    body = {"id": str(uuid4()), others.ranked_under: results, **({"meta": meta} if others.search_units else {})}
    return Answered(body, _billed(asked, units=others.search_units, unit="query"))


OTHERS: dict[str, Callable[[Others, Received], Answered]] = {
    "/embeddings": _embed,
    "/moderations": _moderate,
    "/images/generations": _draw,
    "/audio/transcriptions": _transcribe,
    "/audio/speech": _speak,
    "/rerank": _rank,
}
