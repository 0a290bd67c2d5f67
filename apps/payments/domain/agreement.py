"""I12: our mirror of a payment says what Stripe says; where not, in which respect and why, probably."""

from dataclasses import dataclass
from decimal import Decimal

from apps.payments.domain.status import PaymentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a payment stands. refunded: what Stripe gave back; disputed: of disputes that are not won."""

    status: PaymentStatus
    amount: Decimal
    received: Decimal
    refunded: Decimal
    disputed: Decimal


def disagreements(*, ours: Standing, stripes: Standing, is_asked: bool) -> list[str]:
    """Say each respect in which our mirror and Stripe differ, with a proposed cause.

    is_asked  we asked Stripe to take the money, so that what it did was not done elsewhere
    """
    said = []
    if ours.status != stripes.status:
        said.append(f"{_says(stripes.status, ours.status)}: {_cause_of_status(stripes.status, is_asked=is_asked)}")
    if ours.amount != stripes.amount:
        said.append(f"{_says(stripes.amount, ours.amount)} is asked for: the amount was changed at Stripe")
    if ours.status == stripes.status and ours.received != stripes.received:
        said.append(f"{_says(stripes.received, ours.received)} is received: look at the payment again")
    if ours.refunded != stripes.refunded:
        is_more = stripes.refunded > ours.refunded
        cause = "refunded at Stripe, not here" if is_more else "the refund's failure was missed"
        said.append(f"{_says(stripes.refunded, ours.refunded)} is refunded: {cause}, or its webhook is missing")
    if ours.disputed != stripes.disputed:
        said.append(f"{_says(stripes.disputed, ours.disputed)} is disputed: the dispute's webhook is missing")
    return said


def _says(stripes: PaymentStatus | Decimal, ours: PaymentStatus | Decimal) -> str:
    return f"Stripe says {_plain(stripes)}, we say {_plain(ours)}"


def _plain(said: PaymentStatus | Decimal) -> str:
    """Write an amount without the zeros that a column adds to it."""
    if isinstance(said, PaymentStatus):
        return said.value
    return f"{said.normalize():f}"


def _cause_of_status(status: PaymentStatus, *, is_asked: bool) -> str:
    match status:
        case PaymentStatus.SUCCEEDED if not is_asked:
            return "captured or paid at Stripe, not by us"
        case PaymentStatus.CANCELED:
            return "canceled at Stripe or its hold expired, and the webhook is missing"
        case _:
            return "its webhook is missing; the hourly look will bring it"
