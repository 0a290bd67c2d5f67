"""Numbers of debtors: personal accounts at DATEV, one a customer, one digit longer than the chart's accounts.

Debtors begin with 1 to 6 (10000 to 69999 where accounts have four digits), creditors with 7 to 9. When accounts grow by
a digit, DATEV fills all numbers with a zero; so a number is kept with nine digits and told with as many as the chart
has::

    kept 100 420 000, accounts of four digits   →  10042
    the same, accounts of six digits            →  1004200
"""

from collections.abc import Collection
from typing import Final

FIRST: Final = 100_000_000
LAST: Final = 699_999_999
_DIGITS: Final = 9


class BadDebtor(ValueError):
    """The number is none of a debtor under this chart; the message says what one looks like."""


def as_told(number: int, *, account_length: int) -> str:
    """Return a kept number as a file tells it.

    account_length  digits of the chart's accounts, 4 to 8

    :raises BadDebtor: it was given under a chart with longer accounts and does not fit any more
    """
    told, rest = str(number)[: account_length + 1], str(number)[account_length + 1 :]
    if rest.strip("0"):
        raise BadDebtor(f"{number} has more than the {account_length + 1} digits of a debtor under this chart.")
    return told


def in_digits(number: int, *, account_length: int) -> str:
    """Return a kept number for people: as it is told, or with all its digits where it does not fit."""
    try:
        return as_told(number, account_length=account_length)
    except BadDebtor:
        return str(number)


def read(text: str, *, account_length: int) -> int:
    """Return what a person typed as a number to be kept.

    :raises BadDebtor: it has other digits, or begins like no debtor's
    """
    typed = text.strip()
    if not (typed.isascii() and typed.isdecimal() and len(typed) == account_length + 1 and "1" <= typed[0] <= "6"):
        first, last = (str(edge)[: account_length + 1] for edge in (FIRST, LAST))
        raise BadDebtor(f"A debtor's number lies between {first} and {last} under this chart.")
    return int(typed.ljust(_DIGITS, "0"))


def next_free(taken: Collection[int], *, account_length: int) -> int:
    """Return the number after the highest one taken, or where the range ends, the first gap.

    :raises BadDebtor: all numbers are taken
    """
    step = 10 ** (_DIGITS - account_length - 1)
    number = (max(taken) // step + 1) * step if taken else FIRST
    if number > LAST:
        gaps = (each for each in range(FIRST, LAST + 1, step) if each not in taken)
        number = next(gaps, 0)
    if not number:
        raise BadDebtor("All numbers of debtors are taken.")
    return number
