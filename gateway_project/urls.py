"""Every route, in one table."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

from gateway_project.api import not_found
from gateway_project.metrics import MetricsView
from proxy import urls as proxy_urls

metrics = [path("metrics", MetricsView.as_view()), path("metrics/", MetricsView.as_view())]

# Served by the lean entry; see gateway_project.asgi.
lean = [*proxy_urls.lean, *metrics]

urlpatterns = [
    *metrics,
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs", SpectacularSwaggerView.as_view(url_name="openapi")),
    path("", include("alerts.urls")),
    path("", include(proxy_urls)),
]

handler404 = not_found
