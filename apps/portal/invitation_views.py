"""Accepting an invitation: the page behind the mailed link, for customers' people and operators' staff alike."""

from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.accounts.invitations import InvitationRefused, accept_as, accept_as_new, find_invitation, has_account
from apps.accounts.middleware import SESSION_KEY
from apps.accounts.models import Invitation, Membership, User
from apps.core import clock
from apps.portal.forms import NewAccountForm


@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show who invites whom to what (a look changes nothing); a POST accepts."""
    found = find_invitation(token, at=clock.now())
    if found is None:
        return render(request, "portal/invitation_over.html", status=404)
    if isinstance(request.user, User):
        return _signed_in(request, token, found, request.user)
    if has_account(found):
        return render(request, "portal/invitation.html", {"invitation": found, "must_sign_in": True})
    form = NewAccountForm(request.POST if request.method == "POST" else None, user=User(email=found.email))
    if request.method == "POST" and form.is_valid():
        try:
            membership = accept_as_new(
                token=token,
                name=form.cleaned_data["name"],
                password=form.cleaned_data["password"],
                at=clock.now(),
            )
        except InvitationRefused as refusal:
            messages.error(request, _(str(refusal)))
            return redirect("portal:invitation", token)
        login(request, membership.user, backend="django.contrib.auth.backends.ModelBackend")
        # Whoever has just chosen a password is not asked for it before their first sensitive act.
        record_authentication(request, membership.user, method="password")
        return _welcome(request, membership)
    return render(request, "portal/invitation.html", {"invitation": found, "form": form})


def _signed_in(request: HttpRequest, token: str, found: Invitation, user: User) -> HttpResponse:
    is_theirs = user.email.lower() == found.email.lower()
    if request.method == "POST" and is_theirs:
        try:
            membership = accept_as(token=token, user=user, at=clock.now())
        except InvitationRefused as refusal:
            messages.error(request, _(str(refusal)))
        else:
            return _welcome(request, membership)
    return render(request, "portal/invitation.html", {"invitation": found, "is_anothers": not is_theirs})


def _welcome(request: HttpRequest, membership: Membership) -> HttpResponse:
    request.session[SESSION_KEY] = membership.pk
    messages.success(
        request, _("Welcome. You act for %(organisation)s now.") % {"organisation": membership.organisation}
    )
    return redirect("root")
