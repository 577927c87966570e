"""A file that a client sent along with its request. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upload:
    """A file among the fields of a multipart request."""

    filename: str
    content_type: str
    data: bytes
