"""The posting table (PAYMENTS.md, Postings): debits > 0, credits < 0. Disputes have theirs in ``disputes``."""

from collections.abc import Sequence
from decimal import Decimal

from apps.ledger.domain.chart import Role
from apps.ledger.domain.posting import PostingLine
from apps.payments.domain.write_offs import CategoryShare

Lines = tuple[PostingLine, ...]


def received_by_bank(amount: Decimal) -> Lines:
    """Money on the bank account, from whomever: bank against receivable."""
    return move(amount, debit=Role.BANK, credit=Role.RECEIVABLE)


def paid_back_by_bank(amount: Decimal) -> Lines:
    """A customer's credit that left the bank account: receivable against bank."""
    return move(amount, debit=Role.RECEIVABLE, credit=Role.BANK)


def written_off(categories: Sequence[CategoryShare]) -> Lines:
    """What is given up, per VAT category: bad debt and VAT against receivable; negative ones come back."""
    return (
        *bad_debts(categories),
        PostingLine(role=Role.RECEIVABLE, amount=-sum((row.gross for row in categories), Decimal(0))),
    )


def bad_debts(categories: Sequence[CategoryShare]) -> Lines:
    """What is lost of a supply, per VAT category: its net is bad debt, its VAT is corrected."""
    return tuple(
        line
        for row in categories
        for line in (
            PostingLine(role=Role.BAD_DEBT, amount=row.net, vat=row.vat),
            PostingLine(role=Role.VAT_PAYABLE, amount=row.tax, vat=row.vat),
        )
    )


def reminder_fee(amount: Decimal) -> Lines:
    """What a reminder costs, without VAT (compensation, no supply); below zero: it is waived."""
    return move(amount, debit=Role.RECEIVABLE, credit=Role.OTHER_INCOME)


def opening_item(amount: Decimal) -> Lines:
    """What a customer owed in the old system: receivable against opening balances; below zero: a credit."""
    return move(amount, debit=Role.RECEIVABLE, credit=Role.OPENING_BALANCES)


def opening_item_given_up(amount: Decimal) -> Lines:
    """What of an opening item is given up, gross: its VAT was declared in the old system; negative: it comes back."""
    return move(amount, debit=Role.BAD_DEBT, credit=Role.RECEIVABLE)


def wallet_moved(amount: Decimal) -> Lines:
    """A movement of a prepaid wallet: what comes in was paid, what goes out pays; below zero: it goes out."""
    return move(amount, debit=Role.RECEIVABLE, credit=Role.PREPAYMENT)


def taxed_wallet_used(net: Decimal) -> Lines:
    """So much net of a taxed top-up is earned by a session, its VAT being paid; below zero: it is given back."""
    return move(net, debit=Role.PREPAYMENT_TAXED, credit=Role.REVENUE_ENERGY)


def move(amount: Decimal, *, debit: Role, credit: Role) -> Lines:
    return PostingLine(role=debit, amount=amount), PostingLine(role=credit, amount=-amount)
