"""Tell webhooks of money that arrived, was refused, or went back."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from apps.core.domain.money import plain
from apps.documents.domain.events import EventType
from apps.documents.webhooks.announcing import Fact, announce
from apps.invoices.models import Invoice
from apps.payments.models import Allocation, BankReceipt, OpeningSettlement, Payment


def tell_settled(payment: Payment, *, document: Invoice | None, at: datetime) -> None:
    """Tell that Stripe received a payment: once, whoever hears of it how often."""
    _tell(EventType.PAYMENT_SETTLED, payment, document, key="", amount=payment.amount_received.amount, at=at)


def tell_failed(payment: Payment, *, document: Invoice | None, at: datetime) -> None:
    """Tell that a collection was refused: once for each charge and reason."""
    key = f":{payment.latest_charge}:{payment.failure_code}"
    why = {"failure_code": payment.failure_code, "failure_message": payment.failure_message}
    _tell(EventType.PAYMENT_FAILED, payment, document, key=key, amount=payment.amount.amount, at=at, more=why)


def tell_returned(payment: Payment, *, document: Invoice | None, at: datetime) -> None:
    """Tell that a debit which had paid was taken back by its bank."""
    why = {"failure_code": payment.failure_code}
    _tell(EventType.PAYMENT_RETURNED, payment, document, key="", amount=payment.amount_returned, at=at, more=why)


def tell_received(receipt: BankReceipt, *, at: datetime) -> None:
    """Tell money that came by bank; who buys is told once it is known whose money it is."""
    paid = Allocation.objects.filter(bank_receipt=receipt, reverses__isnull=True).order_by("pk")
    older = OpeningSettlement.objects.filter(bank_receipt=receipt, reverses__isnull=True).order_by("pk")
    announce(
        Fact(
            event=EventType.PAYMENT_SETTLED,
            key=f"bank:{receipt.pk}",
            seller_id=receipt.seller_id,
            customer_id=receipt.customer.organisation_id if receipt.customer is not None else None,
            at=at,
            data={
                "method": "bank",
                "customer": receipt.customer.number if receipt.customer is not None else None,
                "booked_on": receipt.booked_on.isoformat(),
                "currency": receipt.currency,
                "amount": plain(receipt.amount.amount),
                "invoices": list(
                    dict.fromkeys(
                        [*older.values_list("item__number", flat=True), *paid.values_list("invoice__number", flat=True)]
                    )
                ),
            },
            api_path=f"/api/v1/bank-receipts/{receipt.pk}/",
        )
    )


def _tell(
    event: EventType,
    payment: Payment,
    document: Invoice | None,
    *,
    key: str,
    amount: Decimal,
    at: datetime,
    more: Mapping[str, object] | None = None,
) -> None:
    customer = payment.customer
    announce(
        Fact(
            event=event,
            key=f"{payment.uid}{key}"[:170],
            seller_id=payment.seller_id,
            customer_id=customer.organisation_id if customer is not None else None,
            at=at,
            data={
                "uid": str(payment.uid),
                "method": "stripe",
                "kind": payment.kind,
                "customer": customer.number if customer is not None else None,
                "currency": payment.currency,
                "amount": plain(amount),
                "invoices": [document.number] if document is not None else [],
                **(more or {}),
            },
            api_path=f"/api/v1/payments/{payment.uid}/",
        )
    )
