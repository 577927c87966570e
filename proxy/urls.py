"""The gateway's routes. Those in `lean` are served without Django's middleware; they are matched by exact path."""

from django.urls import include, path

from proxy import health, views

lean = [
    path("chat/completions", views.ChatCompletions.as_view()),
    path("v1/chat/completions", views.ChatCompletions.as_view()),
    path("models", views.Models.as_view()),
    path("v1/models", views.Models.as_view()),
    path("health/liveliness", health.Liveliness.as_view()),
    path("health/liveness", health.Liveliness.as_view()),
    path("health/readiness", health.Readiness.as_view()),
]

urlpatterns = [
    *lean,
    path("models/<path:name>", views.Model.as_view()),
    path("v1/models/<path:name>", views.Model.as_view()),
    path("", include("proxy.management.urls")),
    path("health/services", health.Services.as_view()),
]
