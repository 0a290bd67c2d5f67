"""A line of a bank statement, and what makes it the same when it is told again."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal


class UnreadableStatement(ValueError):
    """The file is no statement that can be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One movement on the account as the bank tells it.

    amount       money that came above zero, money that left below
    payer, payer_iban  the other side · reference: what it is for · bank_reference: the bank's own; blank: none
    is_reversal  it takes an earlier movement back
    key          the same whenever the line is told again; set by ``with_keys``
    """

    booked_on: date
    amount: Decimal
    currency: str
    payer: str = ""
    payer_iban: str = ""
    reference: str = ""
    bank_reference: str = ""
    is_reversal: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRead:
    """What a file tells.

    account       the IBAN whose statement it is; blank: it does not say
    opening, closing  booked balances of the first and last day; None: it does not say
    problems      of lines that could not be read: (line of the file, why)
    """

    account: str
    lines: tuple[Line, ...]
    opening: Decimal | None = None
    closing: Decimal | None = None
    problems: tuple[tuple[int, str], ...] = ()


def with_keys(lines: Iterable[Line], *, source: str, account: str) -> tuple[Line, ...]:
    """Give each line its natural key: the digest of what it says, and a count where a file says the same twice.

    A bank tells the lines of a day together, so the second of two equal transfers is the second in every file.

    source  ``camt`` or ``csv``: the two tell one movement in different words
    """
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        digest = _digest(line, account)
        seen[digest] += 1
        found.append(replace(line, key=f"{source}:{line.booked_on.isoformat()}:{digest}:{seen[digest]}"))
    return tuple(found)


def _digest(line: Line, account: str) -> str:
    told: Sequence[str] = (
        account,
        line.booked_on.isoformat(),
        f"{line.amount.normalize():f}",
        line.currency,
        line.payer_iban,
        line.bank_reference,
        *(" ".join(text.casefold().split()) for text in (line.payer, line.reference)),
    )
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:24]


def check_balances(read: StatementRead) -> str:
    """Return in words that opening balance and lines do not make the closing one; blank: they do, or nobody says."""
    if read.opening is None or read.closing is None:
        return ""
    moved = sum((line.amount for line in read.lines), Decimal(0))
    if read.opening + moved == read.closing:
        return ""
    wanted = read.closing - read.opening
    return f"The lines move {moved:f}; from {read.opening:f} to {read.closing:f} it would be {wanted:f}."
