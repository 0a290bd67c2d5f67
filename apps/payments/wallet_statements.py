"""The statement of a prepaid wallet: a month's movements, each told to its session, between two balances."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.template.loader import render_to_string
from django.utils import translation

from apps.payments.models import Wallet, WalletMovement
from apps.payments.wallets import Kind, movements_shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A local month of a wallet. Amounts gross, in its currency; opening + the movements = closing.

    paid_in  top-ups · used: what sessions and invoices took, corrections set off · given_back: to cards and banks
    """

    wallet: Wallet
    month: date
    opening: Decimal
    movements: tuple[WalletMovement, ...]
    closing: Decimal
    paid_in: Decimal
    used: Decimal
    given_back: Decimal


_USED = frozenset({Kind.SESSION, Kind.INVOICE, Kind.RETURNED})


def statement_of(wallet: Wallet, *, month: date, zone: ZoneInfo) -> Statement:
    """Return the statement of the month that begins on ``month``; asked again it says the same, once it is over."""
    end = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    first, after = (datetime.combine(day, time(), tzinfo=zone) for day in (month, end))
    shown = movements_shown(wallet)
    opening = Decimal(shown.filter(moved_at__lt=first).aggregate(sum=Sum("amount"))["sum"] or 0)
    rows = shown.filter(moved_at__gte=first, moved_at__lt=after).order_by("moved_at", "pk")
    movements = tuple(rows.select_related("cdr__session__station__location", "cdr__session__vehicle", "invoice"))
    paid_in = _sum(one for one in movements if one.kind == Kind.TOP_UP)
    used = _sum(one for one in movements if one.kind in _USED)
    whole = _sum(movements)
    return Statement(
        wallet=wallet,
        month=month,
        opening=opening,
        movements=movements,
        closing=opening + whole,
        paid_in=paid_in,
        used=used,
        given_back=whole - paid_in - used,
    )


def _sum(movements: Iterable[WalletMovement]) -> Decimal:
    return sum((one.amount.amount for one in movements), Decimal(0))


def months_of(wallet: Wallet, *, zone: ZoneInfo) -> list[date]:
    """Return the local months in which a wallet moved, newest first."""
    months = movements_shown(wallet).order_by().datetimes("moved_at", "month", order="DESC", tzinfo=zone)
    return [month.date() for month in months]


def statement_html(statement: Statement, *, zone: ZoneInfo) -> str:
    """Return a statement to be printed, in the customer's language."""
    contract = statement.wallet.contract
    with translation.override(contract.customer.language):
        context = {"statement": statement, "wallet": statement.wallet, "contract": contract, "zone": str(zone)}
        return render_to_string("payments/wallet_statement.html", context)
