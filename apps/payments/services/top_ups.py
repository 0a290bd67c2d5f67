"""Lead a customer to the hosted page on which a prepaid wallet is topped up: one page a wallet at a time."""

from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import IntegrityError, transaction

from apps.contracts.models import Contract
from apps.payments import gateway
from apps.payments.domain.status import OPEN_PAYMENT, UNFINISHED, OperationKind, PaymentStatus
from apps.payments.models import Payment, PaymentOperation, Wallet
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.card_pages import Item, card_page
from apps.payments.services.driver import drive_or_wait
from apps.payments.services.links import ask_to_close
from apps.payments.services.operations import request_operation
from apps.payments.services.projection import StripeUnreachable
from apps.payments.services.syncing import sync_payment
from apps.payments.wallets import offer_of

_STEPS: Final = 3
"""Close an old page, open the new one, look."""
_ITEM: Final = {
    "en": "Prepaid wallet, contract {number}",
    "de": "Guthaben, Vertrag {number}",
    "fr": "Compte prépayé, contrat {number}",
    "nl": "Tegoed, contract {number}",
}


class NotToppedUp(Exception):
    """The wallet takes no such top-up now; the message says why, for whoever wants to pay."""


class AmountNotOffered(NotToppedUp):
    """The amount is none the seller takes. least, most: which it takes, gross."""

    def __init__(self, least: Decimal, most: Decimal, currency: str) -> None:
        super().__init__(f"A top-up is between {least} and {most} {currency}.")
        self.least, self.most = least, most


def open_top_up_page(*, wallet_id: int, amount: Decimal, success_url: str, cancel_url: str, at: datetime) -> str:
    """Return the address of the hosted page on which a wallet is topped up; every click for the amount gets the same.

    success_url, cancel_url  absolute; whoever comes back to the first one should call ``sync_top_ups``

    :raises NotToppedUp: the seller takes no such amount, the contract has ended, or a top-up is being paid just now
    :raises CheckoutUnavailable: Stripe gave no answer; what was begun is finished by the janitor
    :raises WrongMode: a page was opened in the other mode
    """
    wallet = Wallet.objects.select_related("contract__customer", "contract__seller").get(pk=wallet_id)
    _check(wallet, amount)
    with suppress(StripeUnreachable):
        sync_top_ups(wallet_id=wallet_id, at=at)
    for _ in range(_STEPS):
        operation = _plan(wallet, amount, success_url=success_url, cancel_url=cancel_url, at=at)
        if operation is None:
            break
        drive_or_wait(operation.pk, at=at)
    payment = _open_top_up(wallet_id)
    if payment is None or not payment.page_url:
        raise CheckoutUnavailable
    return payment.page_url


def sync_top_ups(*, wallet_id: int, at: datetime) -> None:
    """Look what became of a wallet's open page: whoever paid on it has come back, or wants another one.

    :raises StripeUnreachable: no answer; webhook and resync find the same later
    :raises WrongMode: it was opened in the other mode
    """
    payment = _open_top_up(wallet_id)
    if payment is not None:
        sync_payment(payment_id=payment.pk, at=at)


def _check(wallet: Wallet, amount: Decimal) -> None:
    offer = offer_of(wallet)
    if offer is None or wallet.contract.collects_on != Contract.CollectsOn.WALLET:
        raise NotToppedUp("This wallet is not topped up any more.")
    if wallet.contract.status == Contract.Status.ENDED:
        raise NotToppedUp("The contract has ended.")
    if not offer.least <= amount <= offer.most:
        raise AmountNotOffered(offer.least, offer.most, wallet.currency)


def _open_top_up(wallet_id: int) -> Payment | None:
    payment: Payment | None = Payment.objects.filter(wallet=wallet_id, status__in=OPEN_PAYMENT).first()
    return payment


@transaction.atomic
def _plan(
    wallet: Wallet, amount: Decimal, *, success_url: str, cancel_url: str, at: datetime
) -> PaymentOperation | None:
    """Return the call that brings the wallet nearer to an open page for the amount; None: that page is open."""
    payment = _lock_open(wallet)
    if payment is None:
        try:
            with transaction.atomic():
                return _ask_for_page(wallet, amount, success_url=success_url, cancel_url=cancel_url, at=at)
        except IntegrityError:
            # Another click was faster: its page is everybody's.
            payment = _lock_open(wallet)
            if payment is None:
                raise
    begun: PaymentOperation | None = payment.operations.filter(status__in=UNFINISHED).first()
    if begun is not None or (payment.page_url and payment.amount.amount == amount):
        return begun
    closing = None if payment.status == PaymentStatus.PROCESSING else ask_to_close(payment, at=at)
    if closing is None:
        raise NotToppedUp("A top-up is being finalised.")
    return closing


def _lock_open(wallet: Wallet) -> Payment | None:
    payment: Payment | None = Payment.objects.select_for_update().filter(wallet=wallet, status__in=OPEN_PAYMENT).first()
    return payment


def _ask_for_page(
    wallet: Wallet, amount: Decimal, *, success_url: str, cancel_url: str, at: datetime
) -> PaymentOperation:
    contract = wallet.contract
    name = _ITEM.get(contract.customer.language, _ITEM["en"])
    payment = Payment.objects.create(
        kind=Payment.Kind.TOP_UP,
        wallet=wallet,
        seller_id=contract.seller_id,
        customer_id=contract.customer_id,
        livemode=gateway.livemode(),
        currency=wallet.currency,
        amount=amount,
        amount_received=Decimal(0),
        created_at=at,
    )
    return request_operation(
        kind=OperationKind.CREATE_PAYMENT_SESSION,
        customer=contract.customer,
        params=card_page(
            payment,
            [Item(name.format(number=contract.number), amount)],
            language=contract.customer.language,
            success_url=success_url,
            cancel_url=cancel_url,
            at=at,
        ),
        payment=payment,
        at=at,
    )
