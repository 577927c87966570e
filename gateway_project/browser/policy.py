"""The Content-Security-Policy of every page: scripts and styles come from files of ours, and nothing is evaluated."""

from typing import Any

from csp.constants import NONCE, NONE, SELF

DIRECTIVES: dict[str, Any] = {
    "default-src": [NONE],
    # The theme's colours and what single pages need stand in elements with the nonce of the answer.
    "script-src": [SELF, NONCE],
    "style-src": [SELF, NONCE],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}
