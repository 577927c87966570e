"""Identifiers of ledger entries."""

from uuid import RFC_4122

from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.uuid7 import uuid7

_ms = st.integers(0, 2**48 - 1)
_bits = st.integers(0, 2**74 - 1)
_property = settings(deadline=None, max_examples=300)


@given(_ms, _bits)
@_property
def test_version_and_variant_are_those_of_rfc_9562(unix_ms: int, random_bits: int) -> None:
    made = uuid7(unix_ms=unix_ms, random_bits=random_bits)

    assert (made.version, made.variant) == (7, RFC_4122)


@given(_ms, _bits)
@_property
def test_the_milliseconds_stand_first(unix_ms: int, random_bits: int) -> None:
    assert uuid7(unix_ms=unix_ms, random_bits=random_bits).int >> 80 == unix_ms


@given(_ms, _ms, _bits, _bits)
@_property
def test_identifiers_sort_by_time(earlier: int, later: int, one: int, other: int) -> None:
    if earlier == later:
        return
    earlier, later = sorted((earlier, later))

    assert str(uuid7(unix_ms=earlier, random_bits=one)) < str(uuid7(unix_ms=later, random_bits=other))


@given(_ms, _bits, _bits)
@_property
def test_other_random_bits_make_another_identifier(unix_ms: int, one: int, other: int) -> None:
    same = uuid7(unix_ms=unix_ms, random_bits=one) == uuid7(unix_ms=unix_ms, random_bits=other)

    assert same is (one == other)


def test_the_example_of_rfc_9562_appendix_a_6() -> None:
    random_bits = 0xCC3 << 62 | 0x18C4DC0C0C07398F

    assert str(uuid7(unix_ms=0x017F22E279B0, random_bits=random_bits)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
