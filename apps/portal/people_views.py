"""Who works for the customer in the portal: its administrators invite people, change what they may, and let them go."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.domain.roles import CUSTOMER_ROLES, Role
from apps.accounts.invitations import InvitationRefused, open_invitations, withdraw_invitation
from apps.accounts.models import Invitation, Membership
from apps.accounts.services import MemberRefused, change_role, end_membership
from apps.core import clock
from apps.documents.inviting import invite_by_mail
from apps.portal.access import administrators_page
from apps.portal.history import history_of
from apps.portal.pages import page_for
from apps.tariffs.spoken import page_language

ROLES = (
    (Role.FLEET_USER.value, gettext_lazy("looks")),
    (Role.FLEET_ADMIN.value, gettext_lazy("administrator: changes, pays and invites")),
)


class InviteForm(forms.Form):
    """Whom, and what they may do."""

    email = forms.EmailField(label=gettext_lazy("E-mail address"))
    role = forms.ChoiceField(label=gettext_lazy("What they may do"), choices=ROLES)


@require_GET
@administrators_page
def people(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List who works for the organisation in the portal, and who is invited."""
    return _page(request, membership, InviteForm())


@require_POST
@administrators_page
def invite(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Mail somebody a link that lets them in."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, membership, form)
    try:
        language = page_language()
        with history_of(membership) as history:
            new = invite_by_mail(
                organisation=membership.organisation,
                email=form.cleaned_data["email"],
                role=Role(form.cleaned_data["role"]),
                by=membership.user,
                language=language,
                at=clock.now(),
            )
            history.added(new.invitation)
    except InvitationRefused as refusal:
        form.add_error("email", _(str(refusal)))
        return _page(request, membership, form)
    told = {"email": new.invitation.email}
    messages.success(request, _("%(email)s gets a mail with a link, which works once and for a week.") % told)
    return redirect("portal:people")


@require_POST
@administrators_page
def withdraw(request: HttpRequest, invitation_id: int, *, membership: Membership) -> HttpResponse:
    """End an invitation that nobody has taken."""
    found = _invitations(membership).filter(pk=invitation_id).first()
    if found is None:
        raise Http404("no such invitation")
    try:
        with history_of(membership) as history:
            withdraw_invitation(invitation_id=found.pk, at=clock.now())
            history.did(found, "Withdrawn.")
    except InvitationRefused as refusal:
        messages.error(request, _(str(refusal)))
    else:
        messages.success(request, _("The link lets nobody in any more."))
    return redirect("portal:people")


@require_POST
@administrators_page
def set_role(request: HttpRequest, member_id: int, *, membership: Membership) -> HttpResponse:
    """Give a person another role."""
    found = _member_of(membership, member_id)
    role = request.POST.get("role", "")
    if role not in dict(ROLES):
        raise Http404("no such role")
    try:
        with history_of(membership) as history:
            change_role(membership_id=found.pk, role=Role(role), by=membership.user)
            history.did(found, f"Role: {Role(found.role).label} → {Role(role).label}.")
    except MemberRefused as refusal:
        messages.error(request, _(str(refusal)))
    else:
        messages.success(request, _("Changed. It holds from the next page that they open."))
    return redirect("portal:people")


@require_POST
@administrators_page
def remove(request: HttpRequest, member_id: int, *, membership: Membership) -> HttpResponse:
    """Let a person go."""
    found = _member_of(membership, member_id)
    try:
        with history_of(membership) as history:
            history.removed(found)
            end_membership(membership_id=found.pk, by=membership.user)
    except MemberRefused as refusal:
        messages.error(request, _(str(refusal)))
    else:
        told = {"person": found.user}
        messages.success(request, _("%(person)s sees nothing of yours any more, nor do the API keys they made.") % told)
    return redirect("portal:people")


def _page(request: HttpRequest, membership: Membership, form: InviteForm) -> HttpResponse:
    context = {
        "members": _members(membership).select_related("user").order_by("user__name", "user__email"),
        "invitations": open_invitations(at=clock.now()).filter(pk__in=_invitations(membership)).order_by("-pk"),
        "roles": ROLES,
        "form": form,
    }
    return page_for(request, "portal/people.html", membership, **context)


def _members(membership: Membership) -> Any:
    """Return who works for the organisation as a customer; who sells for it is its owner's business."""
    members = Membership.objects.filter(role__in=[role.value for role in CUSTOMER_ROLES])
    return members.visible_to(membership).filter(organisation=membership.organisation_id)


def _invitations(membership: Membership) -> Any:
    invitations = Invitation.objects.filter(role__in=[role.value for role in CUSTOMER_ROLES])
    return invitations.visible_to(membership).filter(organisation=membership.organisation_id)


def _member_of(membership: Membership, member_id: int) -> Membership:
    found: Membership | None = _members(membership).filter(pk=member_id).select_related("user").first()
    if found is None:
        raise Http404("no such person")
    return found
