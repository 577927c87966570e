"""Percentiles of very many values in little memory: each counts in a bucket two percent wide. Pure.

So what comes out is within one percent of a value that was there.
"""

import math
from collections.abc import Mapping

# A bucket is the whole number below the logarithm times this.
SCALE = 1 / math.log(1.02)


def bucket_of(value: float) -> int:
    """Of a value above zero; databases count by the same formula."""
    return math.floor(math.log(value) * SCALE)


def value_of(bucket: int) -> float:
    return math.exp((bucket + 0.5) / SCALE)


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """The value that this share of all is not above; by nearest rank. None where nothing was counted."""
    total = sum(counts.values())
    if not total:
        return None
    rank, seen = max(1, math.ceil(share * total)), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            return value_of(bucket)
    raise AssertionError("no rank is beyond the total")
