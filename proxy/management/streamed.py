"""Answers that are sent while they are made: CSV files, where a caller asks for one, and long lists."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import orjson
from django.http import StreamingHttpResponse

from proxy.management.base import Call
from teams.admin.csv_export import csv_of, streamed


def wants_csv(call: Call, format_: str | None) -> bool:
    """`?format=` goes before the header, of which only the first choice counts."""
    if format_ is not None:
        return format_ == "csv"
    first = str(call.request.headers.get("accept", "")).partition(",")[0]
    return first.partition(";")[0].strip().lower() == "text/csv"


def csv_answer(
    call: Call, titles: Sequence[str], lines: Iterable[Sequence[object]], *, filename: str
) -> StreamingHttpResponse:
    """Sent while `lines` are made."""
    return csv_of(call.request._request, titles, lines, filename=filename)


def list_answer(call: Call, items: Iterable[object]) -> StreamingHttpResponse:
    """A JSON array. What goes wrong before its first item is ready can still be told."""
    rest = iter(items)
    first = list(islice(rest, 1))
    return streamed(call.request._request, _array(chain(first, rest)), content_type="application/json")


def _array(items: Iterator[object]) -> Iterator[str | bytes]:
    opening = b"["
    for item in items:
        yield opening + orjson.dumps(item)
        opening = b","
    yield b"]" if opening == b"," else b"[]"
