"""Reading the papers about payments: under which key each is kept, who has one, which are still to be printed."""

from typing import Any

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat

from apps.documents.models import Document
from apps.payments.models import DunningStep, WalletMovement
from apps.payments.wallets import Kind


def receipt_key(movement_id: int) -> str:
    """Return the natural key under which the receipt of a top-up is kept, within its seller's documents."""
    return f"top_up:{movement_id}:receipt"


def reminder_key(step_id: int) -> str:
    """Return the natural key under which a reminder's letter is kept, within its seller's documents."""
    return f"reminder:{step_id}:letter"


def receipted() -> QuerySet[Any]:
    """Return the top-ups that get a receipt: those whose VAT is due at use. A taxed one has its invoice."""
    return WalletMovement.objects.filter(kind=Kind.TOP_UP, lot__isnull=True)


def with_receipts(movements: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate movements of wallets with ``receipt``: the document that is their receipt; None: none, or not yet."""
    return movements.annotate(receipt=_kept("top_up", "receipt", seller="wallet__contract__seller"))


def unprinted_receipts() -> QuerySet[Any]:
    """Return the top-ups whose receipt is still to be printed, oldest first."""
    return with_receipts(receipted()).filter(receipt__isnull=True).order_by("pk")


def with_letters(steps: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate reminders with ``letter_file``: the document that is their letter; None: none, or not yet."""
    return steps.annotate(letter_file=_kept("reminder", "letter", seller="invoice__seller"))


def unprinted_letters() -> QuerySet[Any]:
    """Return the reminders whose letter is still to be printed, oldest first; those older than letters have none."""
    return (
        with_letters(DunningStep.objects.filter(letter__isnull=False)).filter(letter_file__isnull=True).order_by("pk")
    )


def _kept(name: str, what: str, *, seller: str) -> Subquery:
    key = Concat(Value(f"{name}:"), Cast(OuterRef("pk"), CharField()), Value(f":{what}"))
    kept = Document.objects.filter(seller=OuterRef(seller), key=key).order_by()
    return Subquery(kept.values("pk")[:1])
