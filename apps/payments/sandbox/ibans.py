"""The test IBANs of SEPA direct debit. Like a card's number an IBAN is looked up once and never stored whole."""

import hashlib
from dataclasses import dataclass
from typing import Any

USUAL_DAYS = 5
LONGEST_DAYS = 14
"""Business days until the banks have said whether a debit went through: mostly, and at most."""

_BANK_CODE_LENGTH = {"AT": 5, "BE": 3, "DE": 8, "FR": 5}
_BRANCH_CODE_LENGTH = {"FR": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """What the sandbox remembers of a bank account.

    business_days   how long its bank takes to answer a debit
    failure_code    why its bank refuses each debit, "" when it pays
    dispute_reason  why each debit that was paid comes back at once, "" for never
    """

    country: str
    bank_code: str
    branch_code: str
    last4: str
    fingerprint: str
    business_days: int = USUAL_DAYS
    failure_code: str = ""
    dispute_reason: str = ""


# docs.stripe.com/testing: per IBAN what departs from a debit that is paid after the usual time.
_IBANS: dict[str, dict[str, Any]] = {
    iban: behaviour
    for behaviour, ibans in (
        ({}, "AT611904300234573201 BE62510007547061 DE89370400440532013000 FR1420041010050500013M02606"),
        (
            {"business_days": LONGEST_DAYS},
            "AT321904300235473204 BE78510007547064 DE08370400440532013003 FR3020041010050500013M02609",
        ),
        (
            {"failure_code": "could_not_process"},
            "AT861904300235473202 BE68539007547034 DE62370400440532013001 FR8420041010050500013M02607",
        ),
        (
            {"failure_code": "could_not_process", "business_days": LONGEST_DAYS},
            "AT051904300235473205 BE51510007547065 DE78370400440532013004 FR7920041010050500013M02600",
        ),
        (
            {"failure_code": "insufficient_funds"},
            "AT981904300002222227 BE90510002222227 DE65370400440002222227 FR9720041010050000002222227",
        ),
        (
            {"dispute_reason": "debit_not_authorized"},
            "AT591904300235473203 BE08510007547063 DE35370400440532013002 FR5720041010050500013M02608",
        ),
    )
    for iban in ibans.split()
}


def bank_account_of(iban: str) -> BankAccount | None:
    """Return the test account with this IBAN; blanks and capitals do not count."""
    iban = iban.replace(" ", "").upper()
    behaviour = _IBANS.get(iban)
    if behaviour is None:
        return None
    country, behind_bank = iban[:2], 4 + _BANK_CODE_LENGTH[iban[:2]]
    return BankAccount(
        country=country,
        bank_code=iban[4:behind_bank],
        branch_code=iban[behind_bank : behind_bank + _BRANCH_CODE_LENGTH.get(country, 0)],
        last4=iban[-4:],
        fingerprint=hashlib.sha256(f"sandbox {iban}".encode()).hexdigest()[:16],
        **behaviour,
    )
