"""A customer's way into the portal: its seller invites the first administrator, who invites the others."""

from datetime import datetime

from django.db import transaction

from apps.accounts.domain.roles import Role
from apps.accounts.invitations import InvitationRefused, NewInvitation
from apps.accounts.models import Organisation, User
from apps.contracts.models import Customer
from apps.documents.inviting import invite_by_mail


@transaction.atomic
def invite_first_administrator(*, customer_id: int, email: str, by: User, at: datetime) -> NewInvitation:
    """Mail somebody a link into the customer's portal, in the customer's language; the first such opens the portal.

    :raises InvitationRefused: somebody administers it already, or it is not this seller's customer alone
    """
    customer = (
        Customer.objects.select_for_update(of=("self",)).select_related("seller", "organisation").get(pk=customer_id)
    )
    if customer.organisation is None:
        customer.organisation = _own_tenant(customer)
        customer.save(update_fields=["organisation"])
    elif _is_others_too(customer):
        # Whoever is let in here would see what another seller sold.
        raise InvitationRefused("They also buy elsewhere here. Ask the platform's operator to invite somebody.")
    return invite_by_mail(
        organisation=customer.organisation,
        email=email,
        role=Role.FLEET_ADMIN,
        by=by,
        language=customer.language,
        at=at,
        vouched_by=customer.seller,
    )


def _own_tenant(customer: Customer) -> Organisation:
    made: Organisation = Organisation.objects.create(
        name=customer.name,
        street=customer.street,
        postcode=customer.postcode,
        city=customer.city,
        country=customer.country,
        time_zone=customer.seller.time_zone,
        currency=customer.seller.currency,
        email=customer.email,
    )
    return made


def _is_others_too(customer: Customer) -> bool:
    assert customer.organisation is not None, "whoever has none is nobody else's"
    elsewhere = Customer.objects.filter(organisation=customer.organisation).exclude(seller=customer.seller)
    return customer.organisation.is_station_owner or elsewhere.exists()
