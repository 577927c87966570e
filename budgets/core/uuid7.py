"""UUIDs that sort by time (RFC 9562, version 7). Pure: clock and randomness are passed in."""

from uuid import UUID


def uuid7(*, unix_ms: int, random_bits: int) -> UUID:
    """48 bits of milliseconds, then 74 of the given random bits."""
    value = (unix_ms & (1 << 48) - 1) << 80
    value |= 0x7 << 76
    value |= (random_bits >> 62 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random_bits & (1 << 62) - 1
    return UUID(int=value)
