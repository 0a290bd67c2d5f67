"""SEPA credit transfer files (ISO 20022 pain.001.001.09), checked against their schema before anybody gets them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sepaxml import SepaTransfer
from stdnum import iban as ibans

from apps.core.domain.money import to_minor

SCHEMA = "pain.001.001.09"
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose account: the name as people write it, the IBAN, and the BIC where it is known."""

    name: str
    iban: str
    bic: str = ""

    def fields(self) -> dict[str, str]:
        """Return what the library asks of a party; a BIC of the wrong form is left out, for none is needed."""
        bic = {"BIC": self.bic} if re.fullmatch(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", self.bic) else {}
        return {"name": plain(self.name), "IBAN": ibans.compact(self.iban), **bic}


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditTransfer:
    """One transfer. amount: EUR, > 0, rounded · end_to_end_id: at most 35 characters, ours for ever"""

    to: Account
    amount: Decimal
    description: str
    end_to_end_id: str


def credit_transfers(payer: Account, transfers: Sequence[CreditTransfer], *, on: date) -> tuple[str, bytes]:
    """Return the message id and the bytes of a file that asks the payer's bank for transfers on a day."""
    sepa = SepaTransfer({**payer.fields(), "batch": True, "currency": "EUR"}, schema=SCHEMA)
    for one in transfers:
        sepa.add_payment(
            {
                **one.to.fields(),
                "amount": to_minor(one.amount, currency="EUR"),
                "execution_date": on,
                "description": plain(one.description),
                "endtoend_id": one.end_to_end_id,
            }
        )
    return sepa.msg_id, sepa.export(validate=True)


def plain(text: str) -> str:
    """Leave what SEPA's character set has, umlauts written as letters; at most 70 characters, never nothing."""
    from text_unidecode import unidecode

    return " ".join(re.sub(r"[^A-Za-z0-9/\-?:().,'+ ]", " ", unidecode(text.translate(_UMLAUTS))).split())[:70] or "-"
