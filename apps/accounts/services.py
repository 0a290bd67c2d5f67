"""Who works where: changing a member's role, letting them go, helping them back in.

How somebody comes: ``invitations``.
"""

from allauth.mfa.models import Authenticator
from django.db import transaction

from apps.accounts.domain.roles import MANAGES, OPERATOR_ROLES, Role, may_manage
from apps.accounts.models import Membership, Organisation, User
from apps.accounts.second_factors import has_one
from apps.accounts.sign_ins import end_sign_ins


class MemberRefused(ValueError):
    """The membership stays as it is; the message says why."""


@transaction.atomic
def change_role(*, membership_id: int, role: Role, by: User) -> Membership:
    """Give a member another role.

    :raises MemberRefused: it is one's own, not in one's charge, or nobody in charge would stay
    """
    membership = _locked(membership_id, by=by, roles=[role])
    before, membership.role = membership.role, role.value
    membership.save(update_fields=["role"])
    _refuse_nobody_in_charge(membership.organisation_id, before)
    let_in_or_out(user=membership.user)
    return membership


@transaction.atomic
def end_membership(*, membership_id: int, by: User) -> None:
    """Let a member go; API keys that they made and their sign-ins end with it.

    :raises MemberRefused: it is one's own, not in one's charge, or nobody in charge would stay
    """
    membership = _locked(membership_id, by=by)
    membership.delete()
    _refuse_nobody_in_charge(membership.organisation_id, membership.role)
    let_in_or_out(user=membership.user)
    end_sign_ins(user=membership.user)


@transaction.atomic
def take_factor_off(*, membership_id: int, by: User) -> User:
    """Take a member's second factor off, for whoever lost phone and codes; they are signed out everywhere.

    The account is one for all organisations that a person works for: ``by`` has to decide about them in each.

    :raises MemberRefused: it is one's own, not in one's charge everywhere, or there is none
    """
    membership = _locked(membership_id, by=by)
    person = User.objects.select_for_update(no_key=True).get(pk=membership.user_id)
    if not by.is_superuser and (person.is_superuser or _works_elsewhere(person, by=by)):
        raise MemberRefused("This account opens more than your organisation. Ask whoever operates the platform.")
    if not has_one(person):
        raise MemberRefused("This person has no second factor: the password alone signs them in.")
    Authenticator.objects.filter(user=person).delete()
    end_sign_ins(user=person)
    return person


def _works_elsewhere(person: User, *, by: User) -> bool:
    """Whether a person has a role about which ``by`` does not decide."""
    mine = {one.organisation_id: Role(one.role) for one in Membership.objects.filter(user=by)}
    theirs = Membership.objects.filter(user=person).values_list("organisation_id", "role")
    return not all(where in mine and may_manage(mine[where], Role(role)) for where, role in theirs)


def _locked(membership_id: int, *, by: User, roles: list[Role] | None = None) -> Membership:
    """Return the membership with its organisation locked, if ``by`` decides about it and about ``roles``."""
    organisation_id = Membership.objects.values_list("organisation_id", flat=True).get(pk=membership_id)
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation_id)
    found = Membership.objects.filter(pk=membership_id).select_related("user").first()
    if found is None:
        raise MemberRefused("This person was let go a moment ago.")
    membership: Membership = found
    if membership.user_id == by.pk:
        raise MemberRefused("Nobody changes or ends their own membership. Ask somebody else who may.")
    if not by.is_superuser:
        own = Membership.objects.filter(user=by, organisation=organisation_id).first()
        if own is None or not all(may_manage(Role(own.role), role) for role in (Role(membership.role), *(roles or []))):
            raise MemberRefused("Your role does not decide about this person.")
    return membership


def _refuse_nobody_in_charge(organisation_id: int, role: str) -> None:
    """Refuse what left nobody in charge; the database's own refusal comes at commit and has no words."""
    if role not in MANAGES:
        return
    if not Membership.objects.filter(organisation=organisation_id, role__in={Role.OWNER.value, role}).exists():
        raise MemberRefused("Nobody in charge would stay. Give somebody else that role first.")


@transaction.atomic
def let_in_or_out(*, user: User) -> None:
    """Let the person into the console while, and only while, one of their roles works there."""
    user = User.objects.select_for_update().get(pk=user.pk)
    is_staff = user.is_superuser or user.memberships.filter(role__in=OPERATOR_ROLES).exists()
    if user.is_staff != is_staff:
        user.is_staff = is_staff
        user.save(update_fields=["is_staff"])
