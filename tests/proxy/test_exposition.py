"""Labels as a page spells them, and read again."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.exposition import label_text, labels_of

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]*", fullmatch=True)


@given(st.dictionaries(NAMES, st.text()))
def test_what_was_spelled_is_read_again(labels: dict[str, str]) -> None:
    assert labels_of(label_text(labels)) == labels


def test_labels_are_sorted_and_escaped() -> None:
    assert label_text({"b": 'a"\\\n', "a": 1}) == r'a="1",b="a\"\\\n"'
    assert labels_of("") == {}
