"""Find stored files by their natural key."""

from apps.documents.models import Document


def get_document(*, seller_id: int, key: str) -> Document | None:
    """Return the seller's document under ``key``, or None while it is not rendered yet."""
    return Document.objects.filter(seller_id=seller_id, key=key).first()
