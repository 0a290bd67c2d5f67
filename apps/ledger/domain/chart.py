"""The chart of accounts: one plain international chart, the same for every entity.

Code posts to a ``Role``, never to a code, so that an entity may later number its accounts differently. Codes are
grouped by their first digit: 1 assets, 2 liabilities, 3 equity, 4 income, 6 expenses.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Role(StrEnum):
    """What an account is for (PAYMENTS.md, Postings)."""

    BANK = "bank"
    PAYOUT_IN_TRANSIT = "payout_in_transit"
    STRIPE_CLEARING = "stripe_clearing"
    DISPUTED = "disputed"
    RECEIVABLE = "receivable"
    DUE_FROM_PLATFORM = "due_from_platform"
    INPUT_VAT = "input_vat"
    VAT_PAYABLE = "vat_payable"
    DUE_TO_OWNER = "due_to_owner"
    HOME_RECEIVABLE = "home_receivable"
    HOME_PAYABLE = "home_payable"
    PREPAYMENT = "prepayment"
    PREPAYMENT_TAXED = "prepayment_taxed"
    DEFERRED_FEES = "deferred_fees"
    OPENING_BALANCES = "opening_balances"
    REVENUE_ENERGY = "revenue_energy"
    REVENUE_SERVICES = "revenue_services"
    OTHER_INCOME = "other_income"
    PAYMENT_FEES = "payment_fees"
    BAD_DEBT = "bad_debt"
    PLATFORM_FEES = "platform_fees"


class AccountKind(StrEnum):
    """Which statement an account belongs to, and on which side it grows: assets and expenses by debits."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"


class ChartRow(NamedTuple):
    """One account as an entity opens it; ``code`` is unique in the chart."""

    code: str
    name: str
    kind: AccountKind


CHART: Final[Mapping[Role, ChartRow]] = {
    Role.BANK: ChartRow("1000", "Bank", AccountKind.ASSET),
    Role.PAYOUT_IN_TRANSIT: ChartRow("1010", "Payouts in transit", AccountKind.ASSET),
    Role.STRIPE_CLEARING: ChartRow("1020", "Stripe clearing", AccountKind.ASSET),
    Role.DISPUTED: ChartRow("1030", "Disputed payments", AccountKind.ASSET),
    Role.RECEIVABLE: ChartRow("1200", "Trade receivables", AccountKind.ASSET),
    Role.DUE_FROM_PLATFORM: ChartRow("1210", "Due from the platform that collects", AccountKind.ASSET),
    Role.INPUT_VAT: ChartRow("1400", "Input VAT", AccountKind.ASSET),
    Role.VAT_PAYABLE: ChartRow("2200", "VAT payable", AccountKind.LIABILITY),
    Role.DUE_TO_OWNER: ChartRow("2300", "Due to owner collected for", AccountKind.LIABILITY),
    Role.HOME_RECEIVABLE: ChartRow("1220", "Due from fleets for charging at home", AccountKind.ASSET),
    Role.HOME_PAYABLE: ChartRow("2310", "Due to drivers for charging at home", AccountKind.LIABILITY),
    Role.PREPAYMENT: ChartRow("2400", "Prepaid wallets, VAT due at use", AccountKind.LIABILITY),
    Role.PREPAYMENT_TAXED: ChartRow("2410", "Prepaid wallets, VAT paid at top-up", AccountKind.LIABILITY),
    Role.DEFERRED_FEES: ChartRow("2500", "Deferred base fees", AccountKind.LIABILITY),
    Role.OPENING_BALANCES: ChartRow("3900", "Opening balances of customers", AccountKind.EQUITY),
    Role.REVENUE_ENERGY: ChartRow("4000", "Revenue from electricity", AccountKind.INCOME),
    Role.REVENUE_SERVICES: ChartRow("4100", "Revenue from services", AccountKind.INCOME),
    Role.OTHER_INCOME: ChartRow("4900", "Other income (reminder fees)", AccountKind.INCOME),
    Role.PAYMENT_FEES: ChartRow("6000", "Payment fees", AccountKind.EXPENSE),
    Role.BAD_DEBT: ChartRow("6100", "Bad debt", AccountKind.EXPENSE),
    Role.PLATFORM_FEES: ChartRow("6200", "Fees of the platform that collects", AccountKind.EXPENSE),
}


def account_code(role: Role, party: int | None = None) -> str:
    """Return the code of a role's account: ``2300``, or ``2300-17`` for what is owed to one organisation alone."""
    code = CHART[role].code
    return code if party is None else f"{code}-{party}"


_ROLES: Final[Mapping[str, Role]] = {row.code: role for role, row in CHART.items()}


def role_of(code: str) -> Role:
    """Return the role of an account by its code; ``2300-17`` is that of ``2300``.

    :raises KeyError: no such account
    """
    return _ROLES[code.partition("-")[0]]
