"""Read the books: balances by role and the trial balance."""

from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, Sum

from apps.accounts.models import Organisation
from apps.ledger.domain.chart import Role, account_code
from apps.ledger.models import Account, LedgerEntry


class TrialBalanceRow(NamedTuple):
    """One account in one currency; ``debit`` and ``credit`` are turnovers ≥ 0, ``balance`` is their difference."""

    account: Account
    currency: str
    debit: Decimal
    credit: Decimal
    balance: Decimal


def balance(*, entity_id: int, role: Role, currency: str, party: int | None = None) -> Decimal:
    """Return what is on an account, debits positive; zero for one that was never used.

    party  the organisation whose own account of that role is asked for, e.g. of *due to owner*
    """
    total = LedgerEntry.objects.filter(
        journal__entity_id=entity_id, account__code=account_code(role, party), currency=currency
    ).aggregate(total=Sum("amount"))["total"]
    return Decimal(0) if total is None else Decimal(total)


def trial_balance(*, entity: Organisation) -> list[TrialBalanceRow]:
    """Return every used account's turnovers per currency, by code; balances add up to zero per currency."""
    accounts = {account.pk: account for account in Account.objects.filter(entity=entity)}
    sums = (
        LedgerEntry.objects.filter(journal__entity=entity)
        .order_by("account__code", "currency")
        .values("account_id", "account__code", "currency")
        .annotate(debit=Sum("amount", filter=Q(amount__gt=0)), credit=Sum("amount", filter=Q(amount__lt=0)))
    )
    return [
        _row(accounts[row["account_id"]], row["currency"], row["debit"] or Decimal(0), row["credit"] or Decimal(0))
        for row in sums
    ]


def _row(account: Account, currency: str, debits: Decimal, credits: Decimal) -> TrialBalanceRow:  # noqa: A002
    return TrialBalanceRow(account=account, currency=currency, debit=debits, credit=-credits, balance=debits + credits)
