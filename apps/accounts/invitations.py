"""Invitations: a place in an organisation is kept by a link; whoever has the link takes it, once.

The link's token has 128 random bits and is stored as a hash. An invitation is as good as its inviter: it ends when that
person may not invite to the role any more. Somebody with an account signs in to take it, so that no link ever sets the
password of an account that other organisations share.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.accounts.domain.roles import MANAGES, MASTER_DATA_ROLES, Role, may_manage
from apps.accounts.models import Invitation, Membership, Organisation, User
from apps.accounts.services import let_in_or_out

LIVES: Final = timedelta(days=7)
MOST_OPEN: Final = 100


class InvitationRefused(ValueError):
    """Nobody is invited, or it cannot be taken; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """``token`` belongs into the mailed link and is stored nowhere else."""

    invitation: Invitation
    token: str


def may_invite(*, by: User, organisation_id: int, role: Role, vouched_by_id: int | None = None) -> bool:
    """Whether ``by`` decides about members in ``role``: the platform everywhere, others where they manage.

    vouched_by_id  the seller for whom ``by`` lets a customer's first administrator in; nobody after the first
    """
    if by.is_active and by.is_superuser:
        return True
    place = organisation_id if vouched_by_id is None else vouched_by_id
    own = Membership.objects.filter(user=by, organisation=place, user__is_active=True).first()
    if own is None:
        return False
    if vouched_by_id is None:
        return may_manage(Role(own.role), role)
    is_first = role is Role.FLEET_ADMIN and not has_somebody_in_charge(organisation_id)
    return Role(own.role) in MASTER_DATA_ROLES and is_first


def has_somebody_in_charge(organisation_id: int) -> bool:
    """Whether somebody in the organisation invites its other people."""
    return bool(
        Membership.objects.filter(organisation=organisation_id, role__in=[role.value for role in MANAGES]).exists()
    )


@transaction.atomic
def invite(
    *,
    organisation: Organisation,
    email: str,
    role: Role,
    by: User,
    at: datetime,
    vouched_by: Organisation | None = None,
) -> NewInvitation:
    """Keep a place for whoever reads the mailbox; inviting an address again ends its earlier link.

    vouched_by  see ``may_invite``

    :raises InvitationRefused: the inviter may not, the person is a member already, or too many are open
    """
    vouched_by_id = vouched_by.pk if vouched_by else None
    if not may_invite(by=by, organisation_id=organisation.pk, role=role, vouched_by_id=vouched_by_id):
        raise InvitationRefused("Your role does not invite people to this one.")
    # So that two invitations of one address at once do not both find it free.
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    if Membership.objects.filter(organisation=organisation, user__email__iexact=email).exists():
        raise InvitationRefused("This person is a member already. Change the role there.")
    waiting = open_invitations(at=at).filter(organisation=organisation)
    if waiting.count() >= MOST_OPEN:
        raise InvitationRefused("Too many invitations are open. Withdraw some first.")
    Invitation.objects.filter(
        organisation=organisation, email__iexact=email, accepted_at__isnull=True, withdrawn_at__isnull=True
    ).update(withdrawn_at=at)
    token = secrets.token_urlsafe(16)
    invitation = Invitation.objects.create(
        organisation=organisation,
        email=email.lower(),
        role=role.value,
        token_hash=hash_of(token),
        invited_by=by,
        vouched_by=vouched_by,
        invited_at=at,
        expires_at=at + LIVES,
    )
    return NewInvitation(invitation=invitation, token=token)


def open_invitations(*, at: datetime) -> QuerySet[Invitation]:
    """Return the invitations that wait to be taken."""
    found: QuerySet[Invitation] = Invitation.objects.filter(
        accepted_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=at
    )
    return found


def find_invitation(token: str, *, at: datetime) -> Invitation | None:
    """Return the invitation that a link is for, if it can still be taken."""
    found = open_invitations(at=at).filter(token_hash=hash_of(token)).select_related("organisation", "invited_by")
    invitation = found.first()
    return invitation if invitation is not None and _still_holds(invitation) else None


def has_account(invitation: Invitation) -> bool:
    """Whether the invited address signs in here already, so that its owner has to."""
    return User.objects.filter(email__iexact=invitation.email).exists()


@transaction.atomic
def withdraw_invitation(*, invitation_id: int, at: datetime) -> Invitation:
    """End a link that nobody used; again changes nothing.

    :raises InvitationRefused: it was accepted
    """
    invitation: Invitation = Invitation.objects.select_for_update().get(pk=invitation_id)
    if invitation.accepted_at is not None:
        raise InvitationRefused("It was accepted already. End the membership instead.")
    if invitation.withdrawn_at is None:
        invitation.withdrawn_at = at
        invitation.save(update_fields=["withdrawn_at"])
    return invitation


@transaction.atomic
def accept_as_new(*, token: str, name: str, password: str, at: datetime) -> Membership:
    """Make the invited person's account and let them in.

    password  checked by the caller for its strength

    :raises InvitationRefused: the link is over, or the address has an account by now
    """
    invitation = _locked(token, at=at)
    try:
        with transaction.atomic():
            user = User.objects.create_user(invitation.email, password, name=name)
    except IntegrityError as error:
        raise InvitationRefused("This address has an account. Sign in to accept.") from error
    return _join(invitation, user, at=at)


@transaction.atomic
def accept_as(*, token: str, user: User, at: datetime) -> Membership:
    """Let somebody who is signed in under the invited address in.

    :raises InvitationRefused: the link is over, is for somebody else, or they are a member already
    """
    invitation = _locked(token, at=at)
    if user.email.lower() != invitation.email.lower():
        raise InvitationRefused("This invitation is for another address.")
    if Membership.objects.filter(user=user, organisation=invitation.organisation_id).exists():
        raise InvitationRefused("You are a member already.")
    return _join(invitation, user, at=at)


def _locked(token: str, *, at: datetime) -> Invitation:
    """Return the invitation that a link is for, locked, so that it is taken once."""
    invitation = open_invitations(at=at).select_for_update(of=("self",)).filter(token_hash=hash_of(token)).first()
    if invitation is not None and invitation.vouched_by_id is not None:
        # So that two links to the first place, taken at once, do not both find it free.
        Organisation.objects.select_for_update(no_key=True).get(pk=invitation.organisation_id)
    if invitation is None or not _still_holds(invitation):
        raise InvitationRefused("This link is over. Ask for another one.")
    return invitation


def _still_holds(invitation: Invitation) -> bool:
    return may_invite(
        by=invitation.invited_by,
        organisation_id=invitation.organisation_id,
        role=Role(invitation.role),
        vouched_by_id=invitation.vouched_by_id,
    )


def _join(invitation: Invitation, user: User, *, at: datetime) -> Membership:
    membership: Membership = Membership.objects.create(
        user=user, organisation_id=invitation.organisation_id, role=invitation.role
    )
    invitation.accepted_at, invitation.accepted_by = at, user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    let_in_or_out(user=user)
    return membership


def hash_of(token: str) -> str:
    """Return what is stored of a link's token; it has 128 random bits, so nobody finds it by trying."""
    return sha256(token.encode()).hexdigest()
