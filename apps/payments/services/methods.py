"""Let a customer save a card, or sign a mandate for a bank account, on Stripe's own page."""

from datetime import datetime

from django.db import transaction

from apps.contracts.models import Customer
from apps.payments import gateway
from apps.payments.domain.status import UNFINISHED, MethodStatus, OperationKind
from apps.payments.models import PaymentOperation, SavedMethod, StripeCustomer
from apps.payments.outcomes import Reference
from apps.payments.services.driver import drive_or_wait
from apps.payments.services.operations import WrongMode, request_operation
from apps.payments.services.projection import StripeUnreachable
from apps.payments.services.setups import sync_method


class SetupUnavailable(Exception):
    """The page cannot be opened just now; the message is for the customer."""

    def __init__(self) -> None:
        super().__init__("The page to save a card cannot be opened just now. Please try again in a minute.")


def start_method_setup(*, customer_id: int, success_url: str, cancel_url: str, at: datetime) -> str:
    """Return the address of a Checkout page on which the customer saves a card or signs a mandate.

    A second click gets the same page.

    success_url  absolute; Stripe puts the session's id for ``{CHECKOUT_SESSION_ID}`` in it

    :raises SetupUnavailable: Stripe gave no answer; what was begun is finished by the janitor
    :raises WrongMode: the customer was made in the other mode
    """
    _ensure_customer(customer_id, at=at)
    _look_at_requested(customer_id, at=at)
    method, operation_id = _request_method(customer_id, success_url=success_url, cancel_url=cancel_url, at=at)
    if operation_id is not None:
        drive_or_wait(operation_id, at=at)
        method.refresh_from_db()
    if not method.checkout_url:
        raise SetupUnavailable
    return method.checkout_url


def _ensure_customer(customer_id: int, *, at: datetime) -> None:
    """Make the customer at Stripe unless it is.

    :raises SetupUnavailable: not made yet
    """
    operation_id = _request_customer(customer_id, at=at)
    if operation_id is None:
        return
    drive_or_wait(operation_id, at=at)
    if not StripeCustomer.objects.filter(customer=customer_id).exists():
        raise SetupUnavailable


@transaction.atomic
def _request_customer(customer_id: int, *, at: datetime) -> int | None:
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    known = StripeCustomer.objects.filter(customer=customer).first()
    if known is not None:
        if known.livemode != gateway.livemode():
            raise WrongMode(f"{customer} was made at Stripe in the other mode")
        return None
    begun = _unfinished(customer, OperationKind.CREATE_CUSTOMER)
    if begun is not None:
        return begun.pk
    params = {
        "name": customer.name,
        "email": customer.email,
        "preferred_locales": [customer.language],
        "metadata": {Reference.CUSTOMER: str(customer.pk)},
    }
    return request_operation(kind=OperationKind.CREATE_CUSTOMER, customer=customer, params=params, at=at).pk


def _look_at_requested(customer_id: int, *, at: datetime) -> None:
    """See whether a page opened before is still open, so that it is either used again or done with."""
    requested = SavedMethod.objects.filter(
        customer=customer_id, status=MethodStatus.REQUESTED, checkout_session_id__isnull=False
    ).first()
    if requested is None:
        return
    try:
        sync_method(method_id=requested.pk, at=at)
    except StripeUnreachable as error:
        raise SetupUnavailable from error


@transaction.atomic
def _request_method(
    customer_id: int, *, success_url: str, cancel_url: str, at: datetime
) -> tuple[SavedMethod, int | None]:
    """Return the customer's requested method, and the operation that is to open its page unless it is open."""
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    method = SavedMethod.objects.filter(customer=customer, status=MethodStatus.REQUESTED).first()
    if method is not None:
        begun = _unfinished(customer, OperationKind.CREATE_SETUP_SESSION)
        return method, begun.pk if begun else None
    method = SavedMethod.objects.create(customer=customer, livemode=gateway.livemode(), requested_at=at)
    reference = {Reference.CUSTOMER: str(customer.pk), Reference.METHOD: str(method.uid)}
    params = {
        "mode": "setup",
        "customer": StripeCustomer.objects.get(customer=customer).stripe_id,
        "allowed_payment_method_types": ["card", "sepa_debit"],
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": customer.language,
        "metadata": reference,
        "setup_intent_data": {"metadata": reference},
    }
    operation = request_operation(
        kind=OperationKind.CREATE_SETUP_SESSION, customer=customer, params=params, at=at, method=method
    )
    return method, operation.pk


def _unfinished(customer: Customer, kind: OperationKind) -> PaymentOperation | None:
    operation: PaymentOperation | None = PaymentOperation.objects.filter(
        customer=customer, kind=kind, status__in=UNFINISHED
    ).first()
    return operation
