"""The closed list of what webhooks tell, and how a message reads.

A message is small: what happened, when, the few facts a receiver sorts by, and where the API has the rest. A field is
only ever added; whatever would change or remove one is a new ``VERSION``.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

VERSION: Final = 1


class EventType(StrEnum):
    """What is told; each is sent by the service that writes the fact."""

    INVOICE_ISSUED = "invoice.issued"
    CREDIT_NOTE_ISSUED = "credit_note.issued"
    RECEIPT_ISSUED = "receipt.issued"
    PAYMENT_SETTLED = "payment.settled"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_RETURNED = "payment.returned"
    SESSION_SETTLED = "session.settled"
    CHARGE_RECORD_CREATED = "charge_record.created"
    CONTRACT_CHANGED = "contract.changed"

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS: Final[Mapping[EventType, str]] = {
    EventType.INVOICE_ISSUED: "An invoice has its number and is frozen.",
    EventType.CREDIT_NOTE_ISSUED: "A credit note took back an invoice or receipt, whole or in part.",
    EventType.RECEIPT_ISSUED: "A driver who paid at the charger has their receipt.",
    EventType.PAYMENT_SETTLED: "Money arrived, by card, debit or bank.",
    EventType.PAYMENT_FAILED: "A card or account refused to pay an invoice.",
    EventType.PAYMENT_RETURNED: "A debit that had paid was taken back by its bank.",
    EventType.SESSION_SETTLED: "A charging session is over and its meter readings are settled.",
    EventType.CHARGE_RECORD_CREATED: "A session has its price, or a corrected one.",
    EventType.CONTRACT_CHANGED: "A contract has another status, or another version of it was agreed.",
}
PING: Final = "ping"
"""What a test sends; nobody subscribes to it."""


def message_body(
    *, event: str, at: datetime, data: Mapping[str, object], api_path: str = "", public_url: str = ""
) -> str:
    """Return a message as it travels: compact JSON, the same text at every try.

    data      names and values of JSON; amounts are decimal strings, instants ISO 8601
    api_path  where the API has the whole, from the site's root; "" = nowhere
    """
    told = dict(data) | ({"url": f"{public_url}{api_path}"} if api_path else {})
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps(
        {"type": event, "version": VERSION, "timestamp": stamp, "data": told}, ensure_ascii=False, separators=(",", ":")
    )
