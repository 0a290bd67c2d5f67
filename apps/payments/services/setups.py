"""Project Stripe's Checkout sessions and cards over saved methods."""

from datetime import datetime

from django.db import transaction

from apps.contracts.models import Customer
from apps.core.bells import ring_on_commit
from apps.payments import gateway
from apps.payments.domain.status import MethodStatus, OperationKind
from apps.payments.models import SavedMethod
from apps.payments.outcomes import CardSnapshot, Done, Rejected, SetupSnapshot, SetupStatus, Unknown
from apps.payments.services.operations import WrongMode, request_operation
from apps.payments.services.projection import StripeUnreachable


def lock_method(method_id: int) -> SavedMethod:
    """Lock a method after its customer, as whoever replaces one by another must."""
    customer_id = SavedMethod.objects.values_list("customer_id", flat=True).get(pk=method_id)
    Customer.objects.select_for_update().get(pk=customer_id)
    method: SavedMethod = SavedMethod.objects.select_for_update().get(pk=method_id)
    return method


def store_setup_session(*, method: SavedMethod, session: SetupSnapshot) -> None:
    """Note the page that Stripe opened for a locked, requested method."""
    method.checkout_session_id = session.stripe_id
    method.checkout_url = session.url
    method.save(update_fields=["checkout_session_id", "checkout_url"])


def sync_method(*, method_id: int, at: datetime) -> SavedMethod:
    """Look at the method's page or card at Stripe and project it; harmless however often, whoever asks.

    Saved on the page → active, and the customer's former method is given up. Page expired → failed. Card taken away
    at Stripe → detached; changed there (a new expiry) → shown so.

    :raises StripeUnreachable: no answer; nothing was changed
    :raises WrongMode: the method belongs to the other mode
    """
    method: SavedMethod = SavedMethod.objects.get(pk=method_id)
    if method.livemode != gateway.livemode():
        raise WrongMode(f"{method} belongs to the other mode")
    if method.status == MethodStatus.REQUESTED and method.checkout_session_id:
        match gateway.retrieve_setup_session(method.checkout_session_id):
            case Done(value=session):
                return _project_session(method_id, session, at=at)
            case Unknown(reason=reason) | Rejected(message=reason):
                raise StripeUnreachable(reason)
    if method.status == MethodStatus.ACTIVE and method.payment_method_id:
        match gateway.retrieve_method(method.payment_method_id):
            case Done(value=card):
                return _project_card(method_id, card, at=at)
            case Unknown(reason=reason) | Rejected(message=reason):
                raise StripeUnreachable(reason)
    return method


@transaction.atomic
def _project_session(method_id: int, session: SetupSnapshot, *, at: datetime) -> SavedMethod:
    method = lock_method(method_id)
    if method.status != MethodStatus.REQUESTED:
        return method
    if session.status == SetupStatus.EXPIRED:
        method.set_failed(at=at)
    elif session.card is None:
        method.synced_at = at
        method.save(update_fields=["synced_at"])
    else:
        _give_up_former(method, at=at)
        method.set_active(card=session.card, at=at)
        ring_on_commit("method.activated", id=method.customer_id)
    return method


@transaction.atomic
def _project_card(method_id: int, card: CardSnapshot, *, at: datetime) -> SavedMethod:
    method = lock_method(method_id)
    if method.status != MethodStatus.ACTIVE:
        return method
    if not card.is_attached:
        method.set_detached(at=at)
        return method
    method.brand, method.last4 = card.brand, card.last4
    method.expiry_month, method.expiry_year = card.expiry_month, card.expiry_year
    method.synced_at = at
    method.save()
    return method


def _give_up_former(method: SavedMethod, *, at: datetime) -> None:
    """Detach the customer's active method, here at once and at Stripe by an operation."""
    former = SavedMethod.objects.filter(customer=method.customer_id, status=MethodStatus.ACTIVE).first()
    if former is None:
        return
    former.set_detached(at=at)
    operation = request_operation(
        kind=OperationKind.DETACH_METHOD,
        customer=former.customer,
        params={"payment_method": former.payment_method_id},
        at=at,
        method=former,
    )
    ring_on_commit("payment.operation", id=operation.pk)
