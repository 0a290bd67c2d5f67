"""Who works where: adding a person to an organisation, changing their role, letting them go."""

from django.db import transaction

from apps.accounts.domain.roles import OPERATOR_ROLES, Role
from apps.accounts.models import Membership, Organisation, User


class MemberRefused(ValueError):
    """The person cannot be added as asked; the message says why."""


@transaction.atomic
def add_member(*, organisation: Organisation, email: str, name: str, password: str, role: Role) -> Membership:
    """Create a person and their membership in ``organisation``.

    An address that is known already is refused: whoever adds a person also sets a first password, which must never
    reach an account that other organisations share.

    :raises MemberRefused: the e-mail address belongs to somebody
    """
    if User.objects.filter(email__iexact=email).exists():
        raise MemberRefused("This address cannot be added here. Ask the platform's operator to join the two.")
    user = User.objects.create_user(email, password, name=name)
    membership = Membership.objects.create(user=user, organisation=organisation, role=role)
    let_in_or_out(user=user)
    return membership


@transaction.atomic
def let_in_or_out(*, user: User) -> None:
    """Let the person into the console while, and only while, one of their roles works there."""
    user = User.objects.select_for_update().get(pk=user.pk)
    is_staff = user.is_superuser or user.memberships.filter(role__in=OPERATOR_ROLES).exists()
    if user.is_staff != is_staff:
        user.is_staff = is_staff
        user.save(update_fields=["is_staff"])
