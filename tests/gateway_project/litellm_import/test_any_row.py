"""Whatever a row holds, it becomes a row of ours or is skipped with a reason; nothing else comes of it."""

from typing import Any

import orjson
import pytest
from django.db.models import JSONField
from hypothesis import given
from hypothesis import strategies as st

from gateway_project.litellm_import.cipher import Cipher
from gateway_project.litellm_import.command import KINDS
from gateway_project.litellm_import.kinds import Context, Kind
from gateway_project.litellm_import.report import shown
from gateway_project.litellm_import.source import UNREADABLE
from gateway_project.litellm_import.values import Row, Skip
from gateway_project.litellm_import.write import _cut
from tests.gateway_project.litellm_import.conftest import NOW

# PostgreSQL's texts hold no NUL and no lone surrogates; NUL can come in JSON and in what was encrypted.
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"))
NUMBERS = st.integers() | st.floats() | st.decimals()
ODD_TEXTS = st.sampled_from(
    ("30d", "0d", "2mo", "1e999999", "-1", "NaN", "infinity", "2026-11-23", "9999-12-31 23:59:59", "v3:gcm:AAAA")
) | st.sampled_from(("ab" * 32, "sk-in-clear-0123456789", "A" * 60, "[1, 2]", '{"a": {}}'))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
VALUES = st.none() | st.booleans() | NUMBERS | TEXTS | ODD_TEXTS | JSON | st.just(UNREADABLE)
WINDOWS = st.dictionaries(
    st.sampled_from(["budget_duration", "max_budget", "budget_limit", "time_period", "a"]), JSON | ODD_TEXTS
)
CONTEXT = Context(now=NOW, cipher=Cipher(["k"]), master_hashes=frozenset(), model_aliases={}, credentials={"c": {}})


def rows(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    columns = {name: VALUES | WINDOWS | st.lists(WINDOWS, max_size=2) for name in kind.columns}
    return st.fixed_dictionaries({}, optional={**columns, "listed": st.booleans()})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(data=st.data())
def test_any_row_becomes_ours_or_is_skipped(kind: Kind, data: st.DataObject) -> None:
    row = Row(data.draw(rows(kind)))
    assert isinstance(kind.label(row), str)
    try:
        made = kind.build(row, CONTEXT)
    except Skip:
        return
    _cut(row, made)
    for field in made._meta.concrete_fields:
        value = getattr(made, field.attname)
        if isinstance(field, JSONField):
            orjson.dumps(value)
        if isinstance(value, str):
            assert "\x00" not in value
            assert field.max_length is None or len(value) <= field.max_length or field.primary_key
        if isinstance(value, int) and "nano" in field.name:
            assert value >= 0


@given(st.text())
def test_a_line_of_the_report_is_one_printable_line(text: str) -> None:
    assert shown(text).isprintable()
