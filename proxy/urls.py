"""The gateway's routes. Those in `lean` are served without Django's middleware: whole, or around a model's name."""

from django.urls import include, path

from proxy import health, views
from proxy.core.operations import Operation

# As clients of OpenAI, Azure and Anthropic spell them.
_PATHS: dict[Operation, tuple[str, ...]] = {
    Operation.CHAT: ("chat/completions",),
    Operation.COMPLETION: ("completions",),
    Operation.EMBEDDING: ("embeddings",),
    Operation.MESSAGES: ("messages",),
    Operation.RESPONSES: ("responses",),
    Operation.MODERATION: ("moderations",),
    Operation.IMAGE: ("images/generations",),
    Operation.TRANSCRIPTION: ("audio/transcriptions",),
    Operation.SPEECH: ("audio/speech",),
    Operation.RERANK: ("rerank",),
}
# Anthropic's has no short form, and Cohere's a second version.
_ONLY = {Operation.MESSAGES: ("v1/{}",), Operation.RERANK: ("{}", "v1/{}", "v2/{}")}
_FORMS = (
    "{}",
    "v1/{}",
    "openai/{}",
    "openai/v1/{}",
    "openai/deployments/<path:model>/{}",
    "engines/<path:model>/{}",
)

lean = [
    *(
        path(form.format(name), views.SERVED[operation].as_view())
        for operation, names in _PATHS.items()
        for name in names
        for form in _ONLY.get(operation, _FORMS)
    ),
    *(path(form.format("models"), views.Models.as_view()) for form in ("{}", "v1/{}", "openai/{}", "openai/v1/{}")),
    path("v1/messages/count_tokens", views.CountTokens.as_view()),
    path("health", health.Health.as_view()),
    path("health/backlog", health.Backlog.as_view()),
    path("health/liveliness", health.Liveliness.as_view()),
    path("health/liveness", health.Liveliness.as_view()),
    path("health/readiness", health.Readiness.as_view()),
    path("health/readiness/details", health.ReadinessDetails.as_view()),
]

urlpatterns = [
    *lean,
    path("models/<path:name>", views.Model.as_view()),
    path("v1/models/<path:name>", views.Model.as_view()),
    path("", include("proxy.management.urls")),
    path("health/services", health.Services.as_view()),
]
