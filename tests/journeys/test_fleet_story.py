"""A fleet's charge becomes a paid invoice, through sockets, HTTP, worker and the Stripe SDK."""

from decimal import Decimal

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.core import audit
from apps.documents.models import Document
from apps.invoices.models import Invoice
from apps.invoices.selectors import document_key
from apps.invoices.services.crediting import credit_invoice
from apps.ledger.models import LedgerEntry
from config.demo.fleet_story import tell
from config.demo.telling import wait_for
from config.demo.world import OWNERS

pytestmark = pytest.mark.django_db(transaction=True)


def balances(**journal) -> dict[str, Decimal]:
    """Return the sum of entries per account name, debits positive, zero sums left out."""
    sums: dict[str, Decimal] = {}
    for entry in LedgerEntry.objects.filter(**journal).select_related("account"):
        sums[entry.account.code] = sums.get(entry.account.code, Decimal(0)) + entry.amount.amount
    return {code: amount for code, amount in sums.items() if amount}


class TestAFleetsCharge:
    def test_becomes_a_paid_invoice_and_is_undone_by_a_credit_note(self, running, tmp_path):
        said: list[str] = []

        figures = tell(said.append, running=running, root=tmp_path)

        assert figures["total"] == "10.10"
        assert figures["paid"] == "10.10"
        assert figures["currency"] == "EUR"
        assert (tmp_path / figures["pdf"]).stat().st_size > 1000
        [line] = figures["lines"]
        assert line["vehicle"].startswith("HH-EK 101")
        assert line["energy_wh"] == 22_000
        assert line["net"] == "8.49"
        assert list(audit.find_violations()) == []

        invoice = Invoice.objects.get(number=figures["invoice"])
        owner = User.objects.get(email=OWNERS[0].owner_email)
        note = credit_invoice(invoice_id=invoice.pk, reason="Wrong vehicle", at=timezone.now(), by=owner)

        assert note.gross == -invoice.gross
        wait_for("the credit note's document", lambda: Document.objects.filter(key=document_key(note)).first())
        assert balances(journal__key__in=[f"invoice:{invoice.pk}:issued", f"invoice:{note.pk}:issued"]) == {}
        assert list(audit.find_violations()) == []
