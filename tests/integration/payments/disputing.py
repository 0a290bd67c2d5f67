"""A disputed payment: a customer's bank takes a captured charge back at Stripe's double."""

from apps.payments.models import Dispute, Payment
from apps.payments.services import disputes

from .conftest import NOON


def open_dispute(sandbox, payment: Payment, *, reason: str = "fraudulent", at=NOON) -> Dispute:
    """Let the bank dispute a captured payment, and look at it as its webhook would let us."""
    stripe_id = sandbox.control.open_dispute(payment.latest_charge, reason=reason)
    return disputes.sync_dispute(stripe_id=stripe_id, payment_id=payment.pk, at=at)


def look(dispute: Dispute, at=NOON) -> Dispute:
    return disputes.sync_dispute(stripe_id=dispute.stripe_id, payment_id=dispute.payment_id, at=at)


def decide(sandbox, dispute: Dispute, *, is_won: bool, at=NOON) -> Dispute:
    sandbox.control.decide_dispute(dispute.stripe_id, is_won=is_won)
    return look(dispute, at=at)
