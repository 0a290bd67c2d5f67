"""Signing in, for the console and the portal alike, and where one is signed in.

Password first, then the second factor where there is one: allauth asks for it before anybody is signed in.
"""

from typing import Any

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import User
from apps.accounts.scope import acting_membership, operator_of
from apps.accounts.second_factors import has_one
from apps.accounts.sign_ins import end_sign_in, end_sign_ins, live_sign_ins
from apps.core import clock
from apps.portal.forms import SignInForm
from apps.portal.pages import page_for


class SignIn(auth_views.LoginView):
    """E-mail and password; ``next`` is followed only within this site. One answer for unknown and wrong."""

    template_name = "portal/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # The console sends whoever may not enter it here; back there they would go round in a circle.
        is_kept_out = isinstance(request.user, User) and not request.user.is_staff
        if is_kept_out and self.get_success_url().startswith("/admin/"):
            return redirect("portal:home")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        login = Login(user=user, redirect_url=self.get_success_url())
        return perform_password_login(self.request, {"email": user.email}, login)


@never_cache
@require_GET
@login_required
def sign_ins(request: HttpRequest) -> HttpResponse:
    """List where the person is signed in now."""
    user = operator_of(request)
    context = {
        "sign_ins": live_sign_ins(at=clock.now()).filter(user=user),
        "here": request.session.session_key,
        "has_second_factor": has_one(user),
    }
    return page_for(request, "portal/sign_ins.html", acting_membership(request), **context)


@require_POST
@login_required
def end_one(request: HttpRequest, sign_in_id: int) -> HttpResponse:
    """Sign the person out of one browser."""
    found = operator_of(request).sign_ins.filter(pk=sign_in_id).first()
    if found is None:
        raise Http404("no such sign-in")
    end_sign_in(sign_in_id=found.pk)
    messages.success(request, _("That browser is signed out."))
    return redirect("portal:sign-ins")


@require_POST
@login_required
def end_others(request: HttpRequest) -> HttpResponse:
    """Sign the person out of every browser but this one."""
    end_sign_ins(user=operator_of(request), but=request.session.session_key or "")
    messages.success(request, _("Everywhere else you are signed out."))
    return redirect("portal:sign-ins")
