"""What clients send, for the OpenAPI document; proxy.core.calls reads the bodies."""

from typing import Any

from pydantic import BaseModel, Field


class _Asked(BaseModel):
    model: str
    user: str | None = Field(None, description="The end user that spend is counted for.")
    metadata: dict[str, Any] | None = None
    tags: list[str] | None = None
    fallbacks: list[Any] | None = Field(None, description="Models to ask when this one fails; the key must allow them.")
    num_retries: int | None = None
    timeout: float | None = Field(None, description="Seconds that the client waits, retries and fallbacks included.")


class Chat(_Asked):
    messages: list[dict[str, Any]]
    stream: bool = False


class Completion(_Asked):
    prompt: str | list[Any]
    stream: bool = False


class Embedding(_Asked):
    input: str | list[Any]


class Messages(_Asked):
    messages: list[dict[str, Any]]
    max_tokens: int
    system: str | list[dict[str, Any]] | None = None
    stream: bool = False


class CountTokens(BaseModel):
    model: str
    messages: list[dict[str, Any]]
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None


class Responses(_Asked):
    input: str | list[Any]
    instructions: str | None = None
    stream: bool = False


class Moderation(_Asked):
    input: str | list[Any]


class Image(_Asked):
    prompt: str
    n: int | None = None
    size: str | None = None


class Transcription(_Asked):
    file: bytes
    language: str | None = None
    response_format: str | None = None


class Speech(_Asked):
    input: str
    voice: str
    response_format: str | None = None


class Rerank(_Asked):
    query: str
    documents: list[Any]
    top_n: int | None = None
