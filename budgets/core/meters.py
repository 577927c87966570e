"""A sliding window of requests and tokens, in buckets of a 120th of it. Pure; times are milliseconds.

A bucket counts until all of it has left the window, so no window of any position holds more than the limit; what is
counted too long is less than 1 %.
"""

BUCKETS = 120


def bucket_width(window_seconds: int) -> int:
    """Milliseconds."""
    return -(-window_seconds * 1000 // BUCKETS)


class Meter:
    """`first` is no later than the oldest bucket, `newest` no earlier than the latest."""

    __slots__ = ("buckets", "first", "newest", "requests", "tokens", "width")

    def __init__(self, *, width: int, now_ms: int) -> None:
        self.width = width
        self.buckets: dict[int, list[int]] = {}
        self.first = self.newest = now_ms // width
        self.requests = self.tokens = 0

    def advance(self, now_ms: int) -> int:
        """Drop what has left the window; returns the current bucket."""
        current = now_ms // self.width
        oldest = current - BUCKETS
        if self.first >= oldest:
            return current
        if self.newest < oldest:
            self.buckets.clear()
            self.requests = self.tokens = 0
            self.first = current
            return current
        # More than that are due only after the clock went back and forth; the rest follow with the next requests.
        end = min(oldest, self.first + BUCKETS)
        for index in range(self.first, end):
            if (bucket := self.buckets.pop(index, None)) is not None:
                self.requests -= bucket[0]
                self.tokens -= bucket[1]
        self.first = end
        return current

    def used(self, now_ms: int) -> tuple[int, int]:
        """Requests and tokens in the window. Drops nothing, so that any thread may look."""
        oldest = now_ms // self.width - BUCKETS
        live = [found for index, found in list(self.buckets.items()) if index >= oldest]
        return sum(found[0] for found in live), sum(found[1] for found in live)

    def count(self, bucket: int, *, tokens: int) -> None:
        """One more request."""
        found = self._bucket(bucket)
        found[0] += 1
        found[1] += tokens
        self.requests += 1
        self.tokens += tokens

    def correct(self, bucket: int, *, tokens: int, current: int) -> None:
        """Add a difference to a bucket that is still in the window; what it counts never falls below 0."""
        known = self.buckets.get(bucket)
        before = known[1] if known else 0
        difference = max(tokens, -before)
        if bucket < current - BUCKETS or not difference:
            return
        self._bucket(bucket)[1] += difference
        self.tokens += difference

    def wait_ms(self, excess: int, *, kind: int, current: int, now_ms: int) -> int:
        """Until so many requests (kind 0) or tokens (kind 1) will have left; a whole window if they never will."""
        for index in range(self.first, min(current, self.first + 2 * BUCKETS) + 1):
            excess -= self.buckets[index][kind] if index in self.buckets else 0
            if excess <= 0:
                return max(1, (index + BUCKETS + 1) * self.width - now_ms)
        return (current + BUCKETS + 1) * self.width - now_ms

    def _bucket(self, index: int) -> list[int]:
        if (found := self.buckets.get(index)) is None:
            found = self.buckets[index] = [0, 0]
            self.first = min(self.first, index)
            self.newest = max(self.newest, index)
        return found
