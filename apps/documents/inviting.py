"""The mail that invites somebody: kept in one transaction with the invitation that it is about."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation import gettext as _

from apps.accounts.domain.roles import Role
from apps.accounts.invitations import NewInvitation, invite
from apps.accounts.models import Organisation, User
from apps.documents.mails import enqueue_mail


@transaction.atomic
def invite_by_mail(
    *,
    organisation: Organisation,
    email: str,
    role: Role,
    by: User,
    language: str,
    at: datetime,
    vouched_by: Organisation | None = None,
) -> NewInvitation:
    """Invite somebody and mail them the link, in ``language`` (de, en, fr, nl).

    :raises InvitationRefused: see ``invite``
    """
    new = invite(organisation=organisation, email=email, role=role, by=by, at=at, vouched_by=vouched_by)
    with translation.override(language):
        enqueue_mail(
            organisation_id=organisation.pk,
            recipient=new.invitation.email,
            kind="invitation",
            language=language,
            subject=_("%(organisation)s invites you to Wattledger") % {"organisation": organisation},
            body=_body(new, organisation=organisation, by=by),
            at=at,
            keys=[f"invitation:{new.invitation.pk}"],
        )
    return new


def invitation_link(token: str) -> str:
    """Return the address under which an invitation is accepted."""
    return settings.PUBLIC_URL + reverse("portal:invitation", args=[token])


def _body(new: NewInvitation, *, organisation: Organisation, by: User) -> str:
    return _(
        "Hello,\n\n"
        "%(person)s invites you to work with Wattledger for %(organisation)s.\n\n"
        "Open this link to accept. It works once, until %(day)s:\n"
        "%(link)s\n\n"
        "You do not know what this is about? Then do nothing: without the link nobody gets in.\n"
    ) % {
        "person": by,
        "organisation": organisation,
        "day": formats.date_format(new.invitation.expires_at, "DATE_FORMAT"),
        "link": invitation_link(new.token),
    }
