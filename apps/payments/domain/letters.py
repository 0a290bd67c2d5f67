"""What customers are written about their payments, in their language. Words only: no clock, no database.

Amounts and days arrive as they are shown. A mail names an account by its last digits and never asks for more.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.payments.domain.collecting_words import CONFIRM, DEBIT, ENDED, EXPIRES, REFUSED, WHY_ENDED
from apps.payments.domain.reminder_words import REMINDER


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    body: str


def reminder(
    language: str, *, level: int, is_last: bool, is_suspending: bool, is_threatening: bool, fee: str, **facts: str
) -> Letter:
    """Remind of an unpaid invoice: friendly at first, plainly at last.

    fee    as it is shown; "": this reminder costs nothing
    facts  amount, whole (with all fees), number, due, days, address, holder, iban, reference, contract
    """
    words = REMINDER[language]
    kind = "last" if is_last else "first" if level == 1 else "next"
    added = [name for name, said in (("fee", fee), ("threatens", is_threatening), ("suspends", is_suspending)) if said]
    ways = words["ways"][1].format(**facts)
    subject, body = words[kind]
    told = {**facts, "level": str(level), "fee": fee, "ways": ways}
    return Letter(
        subject.format(**told), body.format(**told) + "".join(words[name][1].format(**told) for name in added)
    )


def payment_to_confirm(language: str, *, amount: str, number: str, address: str) -> Letter:
    """Ask the customer to authenticate a payment that their bank did not allow without them."""
    return _letter(CONFIRM, language, amount=amount, number=number, address=address)


def collection_refused(language: str, *, amount: str, number: str, method: str, saving: str, address: str) -> Letter:
    """Tell that a method is of no use any more. saving: where another is saved; address: where to pay."""
    return _letter(REFUSED, language, amount=amount, number=number, method=method, saving=saving, address=address)


def debit_announced(language: str, *, amount: str, day: str, number: str, account: str, mandate: str) -> Letter:
    """Announce a SEPA debit: amount, day, mandate reference (SDD Core Rulebook, 4.3.1 pre-notification)."""
    return _letter(DEBIT, language, amount=amount, day=day, number=number, account=account, mandate=mandate)


def method_ended(language: str, *, method: str, why: str, address: str) -> Letter:
    """Tell that nothing can be collected from a method any more. why: ``revoked`` or ``removed``."""
    words = WHY_ENDED[language]
    return _letter(ENDED, language, method=method, why=words[why], address=address)


def card_expires(language: str, *, method: str, expiry: str, address: str) -> Letter:
    """Tell that a card expires, or has. expiry: month and year as on the card."""
    return _letter(EXPIRES, language, method=method, expiry=expiry, address=address)


def _letter(words: Mapping[str, tuple[str, str]], language: str, **facts: str) -> Letter:
    subject, body = words[language]
    return Letter(subject.format(**facts), body.format(**facts))
