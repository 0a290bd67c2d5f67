"""Trial balance, one account's sheet, and the VAT summary: straight from ledger entries."""

from collections import defaultdict
from decimal import Decimal
from typing import Final

from django.db.models import Exists, F, OuterRef, Q, Sum
from django.db.models.functions import TruncMonth

from apps.accounting.reports.periods import Period
from apps.accounting.reports.sheet import Cell, Column, Row, Sheet, added, cells
from apps.accounting.sources import sources_of
from apps.accounts.models import Organisation
from apps.core.words import rate
from apps.ledger.domain.chart import CHART, Role, role_of
from apps.ledger.domain.vat import Vat
from apps.ledger.models import Account, Closing, LedgerEntry
from apps.ledger.selectors import numbering_on, trial_balance, vat_codes

_ZERO: Final = Decimal(0)
_CATEGORIES: Final = {"S": "taxed", "AE": "reverse charge", "E": "exempt", "O": "not taxable", "Z": "zero rate"}
# A fee in advance bears its VAT when it is issued; when it is earned, what was deferred and revenue cancel out.
_REVENUE: Final = (Role.REVENUE_ENERGY, Role.REVENUE_SERVICES, Role.DEFERRED_FEES)


def trial_balance_sheet(entity: Organisation, period: Period) -> Sheet:
    """Return each account's opening balance, turnovers and closing balance, by posting day."""
    numbers = _numbers(entity, period)
    rows = [
        Row(
            cells=cells(
                Cell(row.account.code, ("account", str(row.account.pk))),
                ", ".join(sorted(numbers[row.account.pk])),
                row.account.name,
                row.account.get_kind_display(),
                row.opening,
                row.debit,
                row.credit,
                row.balance,
            ),
            currency=row.currency,
        )
        for row in trial_balance(entity=entity, first=period.first, end=period.end)
    ]
    columns = (
        Column("Account"),
        Column("Your number"),
        Column("Name"),
        Column("Kind"),
        Column("Opening", is_number=True),
        Column("Debit", is_number=True),
        Column("Credit", is_number=True),
        Column("Closing", is_number=True),
    )
    return Sheet(
        title="Trial balance",
        columns=columns,
        rows=rows,
        totals=added(rows, label="Together", of=(4, 5, 6, 7), width=8),
        note="By posting day. Debits are above zero, credits below; opening and closing balances add up to zero.",
    )


def _numbers(entity: Organisation, period: Period) -> dict[int, set[str]]:
    """Return the accountant's numbers of each account's entries up to the end of a period."""
    numbering, found = numbering_on(entity=entity, day=period.last), defaultdict(set)
    for account, code, vat in vat_codes(entity=entity, end=period.end):
        found[account].add(numbering.account(role_of(code), vat).number)
    return found


def account_sheet(account: Account, period: Period) -> Sheet:
    """Return an account's entries in the period with the balance after each, and what each of them tells of."""
    entries = LedgerEntry.objects.filter(account=account)
    before = {
        row["currency"]: row["sum"]
        for row in entries.filter(journal__posted_on__lt=period.first)
        .order_by("currency")
        .values("currency")
        .annotate(sum=Sum("amount"))
    }
    found = list(
        entries.filter(journal__posted_on__gte=period.first, journal__posted_on__lt=period.end)
        .select_related("journal")
        .order_by("currency", "journal__posted_on", "pk")
    )
    sources = sources_of(entry.journal.key for entry in found)
    balance = dict(before)
    rows = [_opening(currency, amount) for currency, amount in sorted(before.items())]
    for entry in found:
        amount, journal, source = entry.amount.amount, entry.journal, sources[entry.journal.key]
        balance[entry.currency] = balance.get(entry.currency, _ZERO) + amount
        rows.append(
            Row(
                cells=cells(
                    Cell(journal.posted_on, ("journal", str(journal.pk))),
                    journal.tax_date,
                    Cell(source.document, source.target),
                    journal.text,
                    max(amount, _ZERO),
                    max(-amount, _ZERO),
                    balance[entry.currency],
                ),
                currency=entry.currency,
            )
        )
    totals = [
        Row(cells=(*row.cells[:6], Cell(balance[row.currency])), currency=row.currency)
        for row in added(rows, label="Closing", of=(4, 5), width=7)
    ]
    columns = (
        Column("Posted on"),
        Column("Tax date"),
        Column("Document"),
        Column("What"),
        Column("Debit", is_number=True),
        Column("Credit", is_number=True),
        Column("Balance", is_number=True),
    )
    return Sheet(title=str(account), columns=columns, rows=rows, totals=totals, note="By posting day.")


def _opening(currency: str, amount: Decimal) -> Row:
    return Row(cells=cells("Opening", "", "", "", "", "", amount), currency=currency)


def vat_sheet(entity: Organisation, period: Period) -> Sheet:
    """Return net and VAT by country, category and rate, by tax date.

    net  revenue, deferred or not, less what became bad debt · VAT  what is owed: credits less debits on *VAT payable*
    """
    told = [CHART[role].code for role in (*_REVENUE, Role.BAD_DEBT, Role.VAT_PAYABLE, Role.INPUT_VAT)]
    sums = (
        LedgerEntry.objects.filter(
            journal__entity=entity,
            journal__tax_date__gte=period.first,
            journal__tax_date__lt=period.end,
            account__code__in=told,
        )
        .order_by("currency", "vat")
        .values("currency", "vat")
        .annotate(
            supplied=_credited(*_REVENUE),
            lost=_credited(Role.BAD_DEBT),
            owed=_credited(Role.VAT_PAYABLE),
            borne=_credited(Role.INPUT_VAT),
        )
    )
    rows = [
        Row(
            cells=cells(
                *_vat_words(row["vat"]), *(row[name] or _ZERO for name in ("supplied", "lost", "owed", "borne"))
            ),
            currency=row["currency"],
        )
        for row in sums
        if any(row[name] for name in ("supplied", "lost", "owed", "borne"))
    ]
    columns = (
        Column("Country"),
        Column("Category"),
        Column("Rate"),
        Column("Net supplied", is_number=True),
        Column("Net lost (bad debt)", is_number=True),
        Column("VAT owed", is_number=True),
        Column("Input VAT", is_number=True),
    )
    return Sheet(
        title="VAT summary",
        columns=columns,
        rows=rows,
        totals=added(rows, label="Together", of=(3, 4, 5, 6), width=7),
        note="By tax date, whenever it was posted. Input VAT is that of fees that a platform charged; what you bought "
        "elsewhere is not in these books.",
    )


def corrections_sheet(entity: Organisation, period: Period) -> Sheet:
    """Return what bears VAT of the period and was posted after it, because its month was closed: to be filed again."""
    found = (
        LedgerEntry.objects.filter(
            journal__entity=entity,
            journal__tax_date__gte=period.first,
            journal__tax_date__lt=period.end,
            journal__posted_on__gte=period.end,
            account__code=CHART[Role.VAT_PAYABLE].code,
        )
        .annotate(tax_month=TruncMonth("journal__tax_date"))
        .filter(_after_closing())
        .select_related("journal")
        .order_by("journal__tax_date", "pk")
    )
    entries = list(found)
    sources = sources_of(entry.journal.key for entry in entries)
    rows = [
        Row(
            cells=cells(
                entry.journal.tax_date,
                Cell(entry.journal.posted_on, ("journal", str(entry.journal_id))),
                Cell(sources[entry.journal.key].document, sources[entry.journal.key].target),
                entry.journal.text,
                " ".join(_vat_words(entry.vat)),
                -entry.amount.amount,
            ),
            currency=entry.currency,
        )
        for entry in entries
    ]
    columns = (
        Column("Tax date"),
        Column("Posted on"),
        Column("Document"),
        Column("What"),
        Column("VAT"),
        Column("VAT owed", is_number=True),
    )
    return Sheet(
        title="To be corrected in the return",
        columns=columns,
        rows=rows,
        totals=added(rows, label="Together", of=(5,), width=6),
        note="These came after the month had been closed.",
    )


def _after_closing() -> Exists:
    """Return the condition that the month of an entry's tax date (``tax_month``) was closed when it was posted."""
    closed = Closing.objects.filter(
        entity=OuterRef("journal__entity"),
        month__gte=OuterRef("tax_month"),
        closed_at__lte=OuterRef("journal__created_at"),
    )
    return Exists(closed.filter(Q(reopened_at__isnull=True) | Q(reopened_at__gt=OuterRef("journal__created_at"))))


def _credited(*roles: Role) -> Sum:
    return Sum(-F("amount"), filter=Q(account__code__in=[CHART[role].code for role in roles]))


def _vat_words(code: str) -> tuple[str, str, str]:
    if not code:
        return ("–", "without VAT", "")
    vat = Vat.from_code(code)
    return (vat.country, f"{vat.category} {_CATEGORIES.get(vat.category, '')}".strip(), rate(vat.rate))
