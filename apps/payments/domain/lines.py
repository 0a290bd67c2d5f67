"""What makes a line of a bank statement the same when it arrives twice."""

import hashlib
from datetime import date
from decimal import Decimal


def key_by_content(*, booked_on: date, amount: Decimal, currency: str, payer: str, reference: str) -> str:
    """Return the key of a line that a person typed in: day, amount and a digest of payer and reference.

    The bank's own id of a line is the better key where there is one. Case and spacing do not count.
    """
    said = "\n".join(" ".join(text.casefold().split()) for text in (payer, reference))
    digest = hashlib.sha256(said.encode()).hexdigest()[:24]
    return f"typed:{booked_on.isoformat()}:{amount.normalize():f}:{currency}:{digest}"
