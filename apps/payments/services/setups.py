"""Project Stripe's Checkout sessions, cards, bank accounts and mandates over saved methods."""

from datetime import datetime

from django.db import transaction

from apps.contracts.models import Customer
from apps.core.bells import ring_on_commit
from apps.payments import gateway
from apps.payments.domain.status import MethodEnd, MethodStatus, OperationKind
from apps.payments.models import SavedMethod
from apps.payments.outcomes import Done, MethodSnapshot, Outcome, Rejected, SetupSnapshot, SetupStatus, Unknown, Value
from apps.payments.services.letters import tell_card_expires, tell_method_ended
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
    """Look at the method's page, or at itself and its mandate, and project it; harmless however often, whoever asks.

    Saved on the page → active, and the customer's former method is given up. Page expired → failed. Taken away at
    Stripe or its mandate revoked → detached, and the customer is told; changed there (a new expiry) → shown so.

    :raises StripeUnreachable: no answer; nothing was changed
    :raises WrongMode: the method belongs to the other mode
    """
    method: SavedMethod = SavedMethod.objects.get(pk=method_id)
    if method.livemode != gateway.livemode():
        raise WrongMode(f"{method} belongs to the other mode")
    if method.status == MethodStatus.REQUESTED and method.checkout_session_id:
        session = _seen(gateway.retrieve_setup_session(method.checkout_session_id))
        return _project_session(method_id, session, at=at)
    if method.status == MethodStatus.ACTIVE and method.payment_method_id:
        saved = _seen(gateway.retrieve_method(method.payment_method_id))
        is_revoked = method.mandate_id is not None and not _seen(gateway.retrieve_mandate(method.mandate_id)).is_active
        return _project_method(method_id, saved, is_revoked=is_revoked, at=at)
    return method


def _seen(outcome: Outcome[Value]) -> Value:
    """Return what was looked at.

    :raises StripeUnreachable: no answer
    """
    match outcome:
        case Done(value=value):
            return value
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)


@transaction.atomic
def _project_session(method_id: int, session: SetupSnapshot, *, at: datetime) -> SavedMethod:
    method = lock_method(method_id)
    if method.status != MethodStatus.REQUESTED:
        return method
    if session.status == SetupStatus.EXPIRED:
        method.set_failed(at=at)
    elif session.method is None:
        method.synced_at = at
        method.save(update_fields=["synced_at"])
    else:
        _give_up_former(method, at=at)
        method.set_active(saved=session.method, at=at)
        ring_on_commit("method.activated", id=method.customer_id)
    return method


@transaction.atomic
def _project_method(method_id: int, saved: MethodSnapshot, *, is_revoked: bool, at: datetime) -> SavedMethod:
    method = lock_method(method_id)
    if method.status != MethodStatus.ACTIVE:
        return method
    if is_revoked or not saved.is_attached:
        method.set_detached(why=MethodEnd.REVOKED if is_revoked else MethodEnd.REMOVED, at=at)
        tell_method_ended(method=method, at=at)
        return method
    method.set_shown(saved)
    method.synced_at = at
    method.save()
    return method


def _give_up_former(method: SavedMethod, *, at: datetime) -> None:
    """Give up the customer's active method for another one."""
    former = SavedMethod.objects.filter(customer=method.customer_id, status=MethodStatus.ACTIVE).first()
    if former is not None:
        _give_up(former, why=MethodEnd.REPLACED, at=at)


@transaction.atomic
def warn_of_expiry(*, method_id: int, at: datetime) -> None:
    """Tell a customer, once, that their card expires or has expired; nothing of one that was replaced since."""
    method = lock_method(method_id)
    if method.status == MethodStatus.ACTIVE and method.expiry:
        tell_card_expires(method=method, at=at)


@transaction.atomic
def remove_method(*, method_id: int, at: datetime) -> SavedMethod:
    """Forget a customer's active method since they wish so; removing it again returns it as it is."""
    method = lock_method(method_id)
    if method.status == MethodStatus.ACTIVE:
        _give_up(method, why=MethodEnd.REMOVED, at=at)
    return method


def _give_up(method: SavedMethod, *, why: MethodEnd, at: datetime) -> None:
    """Detach a locked, active method, here at once and at Stripe by an operation."""
    method.set_detached(why=why, at=at)
    operation = request_operation(
        kind=OperationKind.DETACH_METHOD,
        customer=method.customer,
        params={"payment_method": method.payment_method_id},
        at=at,
        method=method,
    )
    ring_on_commit("payment.operation", id=operation.pk)
