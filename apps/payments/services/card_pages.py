"""What Stripe is asked for when somebody is to pay by card on its hosted page: one builder for links and top-ups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from apps.payments.domain.amounts import to_stripe
from apps.payments.models import Payment
from apps.payments.outcomes import Reference

PAGE_LIFE: Final = timedelta(hours=1)
"""Short, so that a page rarely outlives what it asks for; the link itself opens another one at any time."""
_SPOKEN: Final = frozenset({"de", "en", "fr", "nl"})
"""Languages that our pages and Stripe's both speak; of anything else Stripe takes the browser's."""


@dataclass(frozen=True, slots=True)
class Item:
    """What a page names beside an amount. name: in the customer's language · amount: gross, > 0, rounded"""

    name: str
    amount: Decimal


def card_page(
    payment: Payment,
    items: Sequence[Item],
    *,
    language: str,
    success_url: str,
    cancel_url: str,
    at: datetime,
    reference: Mapping[Reference, str] | None = None,
) -> dict[str, Any]:
    """Return the parameters of a hosted page that asks for a payment's amount by card, item by item.

    success_url, cancel_url  absolute · reference: what Stripe keeps beside the payment's own reference
    """
    assert sum(item.amount for item in items) == payment.amount.amount, "a page asks for what its payment is for"
    kept = {Reference.PAYMENT: str(payment.uid), **(reference or {})}
    return {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "line_items": [{"quantity": 1, "price_data": _price(item, payment.currency)} for item in items],
        "payment_intent_data": {"metadata": kept},
        "metadata": kept,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": language if language in _SPOKEN else "auto",
        "expires_at": int((at + PAGE_LIFE).timestamp()),
    }


def _price(item: Item, currency: str) -> dict[str, Any]:
    return {
        "currency": currency.lower(),
        "unit_amount": to_stripe(item.amount, currency=currency),
        "product_data": {"name": item.name},
    }
