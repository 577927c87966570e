"""How long one upstream may take. Pure."""

from typing import Protocol

from proxy.core.settings import RouterSettings

# Reading a stream on, nobody waits longer than this for its next piece.
LONGEST_SILENCE_SECONDS = 600.0


class Limited(Protocol):
    @property
    def timeout(self) -> float | None: ...

    @property
    def stream_timeout(self) -> float | None: ...


def attempt_seconds(deployment: Limited, settings: RouterSettings, *, stream: bool) -> float:
    """For one attempt, whatever its client is ready to wait: the deployment's own word first, then the router's.

    Of a stream it is the time to its next piece.
    """
    if not stream:
        return deployment.timeout or settings.timeout or settings.request_timeout
    own = deployment.stream_timeout or deployment.timeout or settings.stream_timeout or settings.timeout
    return min(own or settings.request_timeout, LONGEST_SILENCE_SECONDS)
