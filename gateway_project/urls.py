"""Every route, in one table."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from gateway_project.api import not_found
from gateway_project.home import views as home_views
from gateway_project.login import views as login_views
from gateway_project.metrics.views import MetricsView
from gateway_project.sso import views as sso_views
from proxy import urls as proxy_urls
from proxy.admin import routing

metrics = [path("metrics", MetricsView.as_view()), path("metrics/", MetricsView.as_view())]

# Served by the lean entry; see gateway_project.asgi.
lean = [*proxy_urls.lean, *metrics]

urlpatterns = [
    *metrics,
    path("", RedirectView.as_view(pattern_name="admin:index")),
    *home_views.urls(),
    path("admin/language/", set_language, name="set_language"),
    path("admin/proxy/routing/", include((routing.urls(), "routing"))),
    *login_views.urls(),
    *sso_views.urls(),
    path("admin/", admin.site.urls),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="openapi")),
    path("", include("alerts.urls")),
    path("", include("teams.urls")),
    path("", include(proxy_urls)),
]

handler404 = not_found
