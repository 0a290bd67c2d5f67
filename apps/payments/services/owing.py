"""Tell a contract's spending limit what it owes: open invoices, less what was paid too much, and what is not billed."""

from datetime import datetime
from decimal import Decimal

from django.db.models import Exists, OuterRef, Sum

from apps.contracts.models import SpendingLimit
from apps.contracts.spending import set_owed
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine, PrepaidRecord
from apps.invoices.selectors import uncredited_lines
from apps.payments.models import Wallet
from apps.payments.openings import open_items
from apps.payments.selectors import with_open_amounts
from apps.payments.wallets import disputed_in, unallocated, wallet_of
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Cdr


def state_owed(*, contract_id: int, at: datetime) -> None:
    """State what a contract owes anew; nothing for one without a limit."""
    set_owed(contract_id=contract_id, owed=lambda: owed_by(contract_id), at=at)


def state_all_owed(*, at: datetime) -> None:
    """State what every limited contract owes."""
    for contract_id in SpendingLimit.objects.order_by("pk").values_list("contract_id", flat=True):
        state_owed(contract_id=contract_id, at=at)


def owed_by(contract_id: int) -> Decimal:
    """Return what a contract owes, gross, in its limit's currency: billed and open, and not billed yet.

    What its customer brought along from another system names no contract, so it counts in each that has a limit.

    Of a prepaid one less what its wallet paid of that and what is in it; so it is below zero while money is left. What
    a bank has taken back is not in it until the bank lets us keep it: else it would be spent and then be gone.
    """
    limit = SpendingLimit.objects.values_list("currency", "contract__customer").get(contract=contract_id)
    currency, customer_id = limit
    issued = Invoice.objects.filter(
        contract=contract_id, currency=currency, kind=Invoice.Kind.INVOICE, status=InvoiceStatus.ISSUED
    )
    # A record that was billed is never billed again, also where a credit took it back; one that was revised is owed
    # as it was billed, until that is taken back.
    billed = InvoiceLine.objects.filter(cdr=OuterRef("pk"), invoice__status=InvoiceStatus.ISSUED)
    records = Cdr.objects.filter(session__contract=contract_id, currency=currency, purpose=Cdr.Purpose.RETAIL)
    taxed_before = PrepaidRecord.objects.filter(cdr=OuterRef("pk"), is_taxed_before=True)
    current = current_revisions(records).exclude(Exists(taxed_before))
    unbilled = current.exclude(Exists(billed)).exclude(Exists(uncredited_lines())).aggregate(sum=Sum("gross"))["sum"]
    open_now = with_open_amounts(issued).aggregate(sum=Sum("open_amount"))["sum"]
    older = open_items(customer=customer_id, currency=currency).aggregate(sum=Sum("open_amount"))["sum"]
    wallet = wallet_of(contract_id)
    return (
        Decimal(unbilled or 0)
        + Decimal(open_now or 0)
        + Decimal(older or 0)
        - (_prepaid_in(wallet) if wallet and wallet.currency == currency else 0)
    )


def _prepaid_in(wallet: Wallet) -> Decimal:
    return wallet.balance.amount + unallocated(wallet) - disputed_in(wallet)
