"""Requests in other words than a chat completion's, said as one and back, for providers that only speak chat."""

from proxy.core.dialects.base import Dialect
from proxy.core.dialects.completions import Completions
from proxy.core.dialects.messages import Messages
from proxy.core.dialects.responses import Responses
from proxy.core.operations import Operation

DIALECTS: dict[Operation, Dialect] = {
    Operation.COMPLETION: Completions(),
    Operation.MESSAGES: Messages(),
    Operation.RESPONSES: Responses(),
}
