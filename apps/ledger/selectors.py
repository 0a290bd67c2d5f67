"""Read the books: balances by role, the trial balance, what is closed, and the accountant's numbers."""

from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import Max, Sum

from apps.accounts.models import Organisation
from apps.ledger.domain.chart import Role, account_code
from apps.ledger.domain.charts import ChartKind, NumberedAccount, Numbering
from apps.ledger.models import Account, AccountNumber, Chart, Closing, LedgerEntry


class TrialBalanceRow(NamedTuple):
    """One account in one currency: ``balance`` = ``opening`` + ``debit`` − ``credit``; the turnovers are ≥ 0."""

    account: Account
    currency: str
    opening: Decimal
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


_TRIAL_BALANCE: Final = """
    SELECT s.account_id, s.currency, sum(s.debit - s.credit) FILTER (WHERE s.month < %(first)s),
        sum(s.debit) FILTER (WHERE s.month >= %(first)s), sum(s.credit) FILTER (WHERE s.month >= %(first)s)
    FROM ledger_month_sums s JOIN ledger_account a ON a.id = s.account_id
    WHERE s.entity_id = %(entity)s AND s.month < %(end)s
    GROUP BY a.code, s.account_id, s.currency ORDER BY a.code, s.currency
"""


def trial_balance(*, entity: Organisation, first: date = date.min, end: date = date.max) -> list[TrialBalanceRow]:
    """Return what each used account had, took and has per currency, by code, from one month until another.

    Months of posting, each told by its first day. Opening and closing balances add up to zero per currency.
    """
    accounts = {account.pk: account for account in Account.objects.filter(entity=entity)}
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL_BALANCE, {"entity": entity.pk, "first": first, "end": end})
        found = cursor.fetchall()
    rows = []
    for account_id, currency, *sums in found:
        opening, debit, credit = (Decimal(each or 0) for each in sums)
        rows.append(
            TrialBalanceRow(
                account=accounts[account_id],
                currency=currency,
                opening=opening,
                debit=debit,
                credit=credit,
                balance=opening + debit - credit,
            )
        )
    return rows


def vat_codes(*, entity: Organisation, end: date) -> list[tuple[int, str, str]]:
    """Return which accounts were used under which VAT before a month: (account, its code, ``Vat.code`` or blank)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.account_id, a.code, s.vat FROM ledger_month_sums s "
            "JOIN ledger_account a ON a.id = s.account_id WHERE s.entity_id = %s AND s.month < %s",
            [entity.pk, end],
        )
        found: list[tuple[int, str, str]] = cursor.fetchall()
    return found


def first_open_day(*, entity_id: int, day: date) -> date:
    """Return the day, or the first one after the last closed month; what is posted on it in this transaction counts.

    Nothing is closed until the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_open_day(%s, %s)", [entity_id, day])
        open_day: date = cursor.fetchone()[0]
    return open_day


def closed_until(entity_id: int) -> date | None:
    """Return the first day of the last closed month; None: nothing is closed."""
    closed = Closing.objects.filter(entity=entity_id, reopened_at__isnull=True)
    last: date | None = closed.aggregate(last=Max("month"))["last"]
    return last


def chart_on(*, entity_id: int, day: date) -> Chart | None:
    """Return the chart that the entity chose for a day; None: it never chose one."""
    return Chart.objects.filter(entity=entity_id, valid_from__lte=day).order_by("-valid_from", "-pk").first()


def numbering_on(*, entity: Organisation, day: date) -> Numbering:
    """Return which number each role has on a day; the plain international chart where none was chosen."""
    home = entity.country.code
    chart = chart_on(entity_id=entity.pk, day=day)
    if chart is None:
        return Numbering(kind=ChartKind.INTERNATIONAL, home=home)
    own: dict[tuple[Role, str], NumberedAccount] = {}
    for row in AccountNumber.objects.filter(chart=chart, valid_from__lte=day).order_by("valid_from", "pk"):
        own[Role(row.role), row.vat] = NumberedAccount(row.number, row.name, row.is_automatic)
    return Numbering(kind=ChartKind(chart.kind), home=home, length=chart.account_length, own=own)
