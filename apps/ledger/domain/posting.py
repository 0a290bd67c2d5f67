"""What is posted: signed lines that add up to zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.core.domain.money import to_minor
from apps.ledger.domain.chart import Role, account_code


class UnbalancedJournal(ValueError):
    """The lines of a journal do not add up to zero; the message says by how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingLine:
    """One side of a journal to be: ``amount`` > 0 debits the role's account, < 0 credits it; rounded.

    party  the organisation whose own account of that role it is, where the role has one a party; else None
    vat    under which VAT it stands (``Vat.code``): revenue, the VAT itself, and what corrects either; else blank
    """

    role: Role
    amount: Decimal
    party: int | None = None
    vat: str = ""

    @property
    def code(self) -> str:
        """The code of the account it goes to."""
        return account_code(self.role, self.party)


def check_balanced(lines: Sequence[PostingLine], *, currency: str) -> None:
    """Refuse lines that do not add up to zero.

    :raises UnbalancedJournal: debits and credits differ
    :raises NotRounded: an amount has a fraction of the currency's minor unit
    """
    difference = sum(to_minor(line.amount, currency=currency) for line in lines)
    if difference:
        raise UnbalancedJournal(f"debits exceed credits by {difference} minor units of {currency}")
