"""The command `tollkeeper` with one thing left out: `python -m benchmarks.variant unalerted|unwatched up ...`.

unalerted: no event is made on the request path, and none raised. unwatched: nobody looks for requests that hang, which
all do where every answer is to be too slow.
"""

import sys
from typing import Any

import django

from gateway_project import cli, launch

_prepare = launch.prepare_environment


def _prepared(**options: Any) -> launch.Launch:
    found = _prepare(**options)
    django.setup()
    # They need the settings that were just prepared.
    import alerts.services  # noqa: PLC0415
    from proxy.attempt import Attempt  # noqa: PLC0415
    from proxy.watch import Watch  # noqa: PLC0415

    if _left_out == "unalerted":
        alerts.services.emit = lambda *_, **__: None
        Attempt._exception = lambda *_: None  # type: ignore[assignment,method-assign]
    Watch._look_for_hanging = lambda _: None  # type: ignore[assignment,method-assign]
    return found


if __name__ == "__main__":
    _left_out = sys.argv.pop(1)
    launch.prepare_environment = _prepared
    cli.main()
