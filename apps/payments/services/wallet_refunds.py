"""Give back what is left in a prepaid wallet, to the cards it came from, the latest top-up first."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.models import SpendingLimit
from apps.payments.domain.status import UNFINISHED
from apps.payments.domain.wallets import ZERO, spread_back
from apps.payments.models import Payment, PaymentOperation, Refund, Wallet
from apps.payments.services.driver import drive_operation
from apps.payments.services.owing import state_owed
from apps.payments.services.refunds import NotRefundable, ask_for
from apps.payments.services.wallets import lock_wallet, move
from apps.payments.wallets import Kind, refundable_top_ups


class GivenBack(NamedTuple):
    """What a refund of a wallet came to: a refund for each card, and what no card takes back (to be paid by bank)."""

    refunds: tuple[Refund, ...]
    left: Decimal


def refundable(wallet: Wallet) -> Decimal:
    """Return what may be given back: what is in the wallet and no running session has reserved."""
    reserved = SpendingLimit.objects.values_list("reserved", flat=True).get(contract=wallet.contract_id)
    held: Decimal = Wallet.objects.values_list("balance", flat=True).get(pk=wallet.pk)
    return max(held - reserved, ZERO)


def refund_wallet(*, wallet_id: int, seen: Decimal, reason: str, by: User | None, at: datetime) -> GivenBack:
    """Give back what is left and not reserved; it leaves the wallet at once, and comes back should Stripe refuse.

    seen  what ``refundable`` was when the person decided, so that a second click, or a session that ended in between,
          is no second refund

    :raises NotRefundable: nothing is left, it changed since it was seen, a top-up's call is under way, or no reason
    """
    operations, left = _begin(wallet_id, seen=seen, reason=reason, by=by, at=at)
    for operation in operations:
        drive_operation(operation_id=operation.pk, at=at)
    refunds = Refund.objects.filter(operations__in=operations).order_by("pk")
    return GivenBack(tuple(refunds), left)


@transaction.atomic
def _begin(
    wallet_id: int, *, seen: Decimal, reason: str, by: User | None, at: datetime
) -> tuple[list[PaymentOperation], Decimal]:
    if not reason.strip():
        raise NotRefundable("A refund needs a reason.")
    payments = {one.pk: one for one in Payment.objects.select_for_update().filter(wallet=wallet_id).order_by("pk")}
    wallet = lock_wallet(wallet_id)
    # Held until the commit, so that no session begins on money that leaves.
    SpendingLimit.objects.select_for_update().get(contract=wallet.contract_id)
    amount = refundable(wallet)
    if amount != seen:
        raise NotRefundable("The wallet has moved meanwhile. Look at what is left of it.")
    if amount <= 0:
        raise NotRefundable("Nothing is left that no running session has reserved.")
    parts = list(spread_back(amount, refundable_top_ups(wallet)))
    if not parts:
        raise NotRefundable("No card takes it back: pay it by bank.")
    if PaymentOperation.objects.filter(payment__in=[one.payment_id for one in parts], status__in=UNFINISHED).exists():
        raise NotRefundable("A call about a top-up is under way. Try again in a minute.")
    operations = []
    for part in parts:
        payment = payments[part.payment_id]
        refund = Refund.objects.create(
            payment=payment,
            origin=Refund.Origin.WALLET,
            currency=payment.currency,
            amount=part.left,
            reason=reason.strip()[:200],
            requested_by=by,
            requested_at=at,
        )
        move(
            wallet,
            kind=Kind.REFUND,
            key=f"refund:{refund.pk}",
            amount=-part.left,
            refund=refund,
            reason=reason,
            by=by,
            at=at,
        )
        operations.append(ask_for(refund, at=at))
    state_owed(contract_id=wallet.contract_id, at=at)
    return operations, amount - sum((part.left for part in parts), ZERO)
