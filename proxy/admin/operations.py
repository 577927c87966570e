"""How the kinds of requests are called on pages."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from proxy.core.operations import Operation
from teams.admin.texts import Text

OPERATIONS: Mapping[Operation, Text] = {
    Operation.CHAT: _("Chat"),
    Operation.COMPLETION: _("Completion"),
    Operation.EMBEDDING: _("Embedding"),
    Operation.MESSAGES: _("Messages"),
    Operation.RESPONSES: _("Responses"),
    Operation.MODERATION: _("Moderation"),
    Operation.IMAGE: _("Image generation"),
    Operation.TRANSCRIPTION: _("Audio transcription"),
    Operation.SPEECH: _("Audio speech"),
    Operation.RERANK: _("Rerank"),
}
