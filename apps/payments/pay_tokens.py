"""The signed, expiring link to what is open of one invoice: whoever was mailed it may pay it, and see no more."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core import signing

from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice

LINK_LIFE: Final = timedelta(days=30)
_SALT: Final = "payments.pay_invoice"


def pay_token(invoice: Invoice) -> str:
    """Return the token for an invoice; signed with the time of now."""
    return signing.dumps(invoice.uid.hex, salt=_SALT)


def invoice_of(token: str) -> Invoice | None:
    """Return the issued invoice that a token is for; None for a forged, foreign or expired one."""
    try:
        uid = UUID(signing.loads(token, salt=_SALT, max_age=LINK_LIFE))
    except (signing.BadSignature, ValueError):
        return None
    found: Invoice | None = (
        Invoice.objects.filter(uid=uid, kind=Invoice.Kind.INVOICE, status=InvoiceStatus.ISSUED)
        .select_related("seller", "customer")
        .first()
    )
    return found
