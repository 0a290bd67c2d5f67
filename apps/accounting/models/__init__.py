"""Stripe's books beside ours, and owners for whom a platform collects: agreements, monthly statements, payouts."""

from apps.accounting.models.bank import BankStatement, BankStatementRow, CsvLayout
from apps.accounting.models.books import BalanceEntry, Discrepancy, Payout, PullMark
from apps.accounting.models.debtors import DebtorAccount
from apps.accounting.models.exports import ExportedJournal, JournalExport
from apps.accounting.models.home import HomeFile, HomeLine, HomePayout, HomeReceipt, HomeStatement
from apps.accounting.models.settlement import (
    Agreement,
    OwnerPayout,
    PayoutFile,
    Statement,
    StatementEntry,
    StatementLine,
)

__all__ = [
    "Agreement",
    "BalanceEntry",
    "BankStatement",
    "BankStatementRow",
    "CsvLayout",
    "DebtorAccount",
    "Discrepancy",
    "ExportedJournal",
    "HomeFile",
    "HomeLine",
    "HomePayout",
    "HomeReceipt",
    "HomeStatement",
    "JournalExport",
    "OwnerPayout",
    "Payout",
    "PayoutFile",
    "PullMark",
    "Statement",
    "StatementEntry",
    "StatementLine",
]
