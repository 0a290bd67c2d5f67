"""People: invited to the organisation that one acts for or to a customer's portal, helped in without second factor."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget

from apps.accounts.admin_history import add_line
from apps.accounts.domain.roles import CUSTOMER_ROLES, MASTER_DATA_ROLES, OPERATOR_ROLES, PEOPLE_ROLES, Role
from apps.accounts.invitations import InvitationRefused, may_invite
from apps.accounts.models import Membership, Organisation
from apps.accounts.scope import acting_membership, has_role, is_platform_operator, operated_rows, operator_of
from apps.accounts.services import MemberRefused
from apps.accounts.tenant_admin import ActForm, choice_field
from apps.contracts.first_administrators import invite_first_administrator
from apps.contracts.models import Customer
from apps.core import clock
from apps.documents.inviting import invitation_link, invite_by_mail
from apps.documents.personal_mails import take_factor_off_by_mail


class InvitationForm(forms.Form):
    """Who, and in which role; a platform operator also says for whom."""

    email = forms.EmailField(label="E-mail address", widget=UnfoldAdminEmailInputWidget)
    role = forms.ChoiceField(
        choices=[(role.value, f"{role.label}: {role.meaning}") for role in Role if role in OPERATOR_ROLES]
        + [(role.value, f"{role.label}: {role.meaning}") for role in Role if role in CUSTOMER_ROLES],
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, data: Any, *, organisations: Any = None) -> None:
        super().__init__(data)
        if organisations is not None:
            self.fields["organisation"] = choice_field(organisations)
            self.order_fields(["organisation", "email", "role"])


@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """Ask whom to invite (GET); mail them a link (POST)."""
    by = operator_of(request)
    membership = acting_membership(request)
    own = membership.organisation if membership else None
    if not is_platform_operator(request) and not (own and may_invite(by=by, organisation_id=own.pk, role=Role.OWNER)):
        raise PermissionDenied
    choice = Organisation.objects.all() if is_platform_operator(request) else None
    form = InvitationForm(request.POST if request.method == "POST" else None, organisations=choice)
    if request.method == "POST" and form.is_valid():
        organisation = form.cleaned_data.get("organisation") or own
        assert organisation is not None, "the form asks whoever has none"
        try:
            new = invite_by_mail(
                organisation=organisation,
                email=form.cleaned_data["email"],
                role=Role(form.cleaned_data["role"]),
                by=by,
                language="en",
                at=clock.now(),
            )
        except InvitationRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _said(new.invitation.email, new.token))
            return redirect("admin:accounts_invitation_changelist")
    context = {
        **admin.site.each_context(request),
        "title": "Invite a person",
        "text": "They get a link by mail, which works once and for a week, and choose their own password. They see "
        f"nothing but what belongs to {own or 'the organisation'}.",
        "submit_label": "Invite",
        "form": form,
        "back": reverse("admin:accounts_membership_changelist"),
    }
    return TemplateResponse(request, "admin/act.html", context)


class FirstAdministratorForm(forms.Form):
    email = forms.EmailField(label="E-mail address", widget=UnfoldAdminEmailInputWidget)


@require_http_methods(["GET", "POST"])
def invite_customer(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Ask who administers a customer in the portal (GET); mail them a link (POST)."""
    if not has_role(request, MASTER_DATA_ROLES):
        raise PermissionDenied
    customer = get_object_or_404(operated_rows(request, Customer.objects.all()), pk=customer_id)
    form = FirstAdministratorForm(request.POST if request.method == "POST" else None, initial={"email": customer.email})
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                by, email = operator_of(request), form.cleaned_data["email"]
                new = invite_first_administrator(customer_id=customer.pk, email=email, by=by, at=clock.now())
                add_line(customer, by_id=by.pk, flag=CHANGE, told=f"Invited {email} into the portal.")
        except InvitationRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _said(new.invitation.email, new.token))
            return redirect("console:customer", customer.pk)
    context = {
        **admin.site.each_context(request),
        "title": f"Invite {customer} into the portal",
        "text": "They get a link by mail, which works once and for a week, and choose their own password. As "
        "administrator they see sessions and invoices, accept contracts, keep cards, and invite their colleagues.",
        "submit_label": "Invite",
        "form": form,
        "back": reverse("console:customer", args=[customer.pk]),
    }
    return TemplateResponse(request, "admin/act.html", context)


@require_http_methods(["GET", "POST"])
def factor_off(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Ask whether a person's second factor goes (GET); take it off and tell them by mail (POST)."""
    if not has_role(request, PEOPLE_ROLES):
        raise PermissionDenied
    membership = get_object_or_404(operated_rows(request, Membership.objects.select_related("user")), pk=membership_id)
    back = reverse("admin:accounts_membership_change", args=[membership.pk])
    form = ActForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        by = operator_of(request)
        try:
            with transaction.atomic():
                person = take_factor_off_by_mail(membership_id=membership.pk, by=by, at=clock.now())
                add_line(membership, by_id=by.pk, flag=CHANGE, told="Took the second factor off.")
        except MemberRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"The password alone signs {person} in now. They are told by mail.")
            return redirect(back)
    context = {
        **admin.site.each_context(request),
        "title": f"Take the second factor of {membership.user} off",
        "text": "For somebody who lost phone and recovery codes. Be sure that it is they who ask: call them, do not "
        "trust a mail. They are signed out everywhere, and set a new one up when they have signed in.",
        "submit_label": "Take second factor off",
        "form": form,
        "back": back,
    }
    return TemplateResponse(request, "admin/act.html", context)


def _said(email: str, token: str) -> str:
    if settings.SENDS_MAILS:
        return f"A link is on its way to {email}."
    # Without a mail server the mail waits; the invited person need not.
    return f"No mail server is set up here. Hand {email} this link; it is shown only now: {invitation_link(token)}"
