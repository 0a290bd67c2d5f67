"""Every address of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.portal.views import landing
from config import health
from config.api import router

urlpatterns: list[URLPattern | URLResolver] = [
    path("", landing, name="root"),
    path("admin/console/", include("apps.console.urls")),
    path("admin/", admin.site.urls),
    path("portal/", include("apps.portal.urls")),
    path("api/v1/", include((router.urls, "api"))),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("", include("apps.payments.urls")),
    path("", include("apps.adhoc.urls")),
    path("healthz", health.live, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("", include("django_prometheus.urls")),
]
