"""Reading the papers about payments: under which key each is kept, who has one, which are still to be printed."""

from typing import Any

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat

from apps.documents.models import Document
from apps.payments.models import WalletMovement
from apps.payments.wallets import Kind


def receipt_key(movement_id: int) -> str:
    """Return the natural key under which the receipt of a top-up is kept, within its seller's documents."""
    return f"top_up:{movement_id}:receipt"


def receipted() -> QuerySet[Any]:
    """Return the top-ups that get a receipt: those whose VAT is due at use. A taxed one has its invoice."""
    return WalletMovement.objects.filter(kind=Kind.TOP_UP, lot__isnull=True)


def with_receipts(movements: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate movements of wallets with ``receipt``: the document that is their receipt; None: none, or not yet."""
    key = Concat(Value("top_up:"), Cast(OuterRef("pk"), CharField()), Value(":receipt"))
    kept = Document.objects.filter(seller=OuterRef("wallet__contract__seller"), key=key).order_by()
    return movements.annotate(receipt=Subquery(kept.values("pk")[:1]))


def unprinted_receipts() -> QuerySet[Any]:
    """Return the top-ups whose receipt is still to be printed, oldest first."""
    return with_receipts(receipted()).filter(receipt__isnull=True).order_by("pk")
