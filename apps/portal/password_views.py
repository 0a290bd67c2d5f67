"""The password: changed by whoever knows it, and by whoever reads the mailbox where it is forgotten."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.accounts.sign_in_limits import forget_tries
from apps.core import clock
from apps.documents.personal_mails import send_password_link, settle_new_password
from apps.portal.forms import ForgottenPasswordForm, NewPasswordForm
from apps.tariffs.spoken import page_language


class ChangePassword(auth_views.PasswordChangeView):
    """A new password signs the person out everywhere else: whoever knew the old one too."""

    template_name = "portal/password.html"
    success_url = reverse_lazy("portal:sign-ins")

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        here = self.request.session.session_key or ""
        settle_new_password(user=form.user, here=here, language=page_language(), at=clock.now())
        messages.success(self.request, _("The password is changed. Everywhere else you are signed out."))
        return response


@never_cache
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask whose password is forgotten; mail a link to that account. One answer, whether there is one or not."""
    data = request.POST if request.method == "POST" else None
    form = ForgottenPasswordForm(data, address=request.META.get("REMOTE_ADDR", ""))
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        send_password_link(email=email, language=page_language(), at=clock.now())
        messages.success(
            request,
            _(
                "If %(email)s has an account here, a mail is on its way. Its link works once, within an hour. "
                "No mail? Look among the unwanted ones too."
            )
            % {"email": email},
        )
        return redirect("portal:login")
    return render(request, "portal/password_forgotten.html", {"form": form, "sends_mails": settings.SENDS_MAILS})


class NewPassword(auth_views.PasswordResetConfirmView):
    """The page behind the mailed link. It signs nobody in: a second factor is still asked for."""

    template_name = "portal/password_new.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("portal:login")

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        at = clock.now()
        settle_new_password(user=form.user, here="", language=page_language(), at=at)
        # Whoever forgot it has guessed before.
        forget_tries(email=form.user.email, address=self.request.META.get("REMOTE_ADDR", ""), at=at)
        messages.success(self.request, _("The password is changed. Sign in with the new one."))
        return response
