"""Find stored files by their natural key, and mails that did not reach anybody."""

from django.db.models import Q, QuerySet

from apps.documents.models import Document, Mail


def undelivered(mails: QuerySet[Mail]) -> QuerySet[Mail]:
    """Return those that came back, or that no server took within a day."""
    return mails.filter(Q(bounced_at__isnull=False) | Q(given_up_at__isnull=False))


def get_document(*, seller_id: int, key: str) -> Document | None:
    """Return the seller's document under ``key``, or None while it is not rendered yet."""
    return Document.objects.filter(seller_id=seller_id, key=key).first()
