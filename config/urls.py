"""Every address of the site."""

from allauth.account.views import reauthenticate
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.portal.sign_in_views import SignIn
from apps.portal.views import landing
from config import health
from config.api import router

urlpatterns: list[URLPattern | URLResolver] = [
    path("", landing, name="root"),
    # One sign-in for everybody, at both addresses.
    path("admin/login/", SignIn.as_view(next_page="admin:index")),
    path("admin/console/", include("apps.console.urls")),
    path("admin/", admin.site.urls),
    path("portal/", include("apps.portal.urls")),
    path("portal/second-factor/", include("allauth.mfa.urls")),
    path("portal/confirm/", reauthenticate, name="account_reauthenticate"),
    # What allauth calls these two.
    path("portal/login/", SignIn.as_view(), name="account_login"),
    path("portal/logout/", LogoutView.as_view(), name="account_logout"),
    path("api/v1/", include((router.urls, "api"))),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("", include("apps.payments.urls")),
    path("", include("apps.adhoc.urls")),
    path("healthz", health.live, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("", include("django_prometheus.urls")),
]
