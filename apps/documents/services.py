"""Keep what was issued. The only writer of documents."""

from datetime import datetime
from hashlib import sha256

from django.db import transaction

from apps.documents.models import Document


@transaction.atomic
def store_document(
    *,
    seller_id: int,
    recipient_id: int | None,
    key: str,
    kind: str,
    media_type: str,
    language: str,
    file_name: str,
    content: bytes,
    at: datetime,
) -> Document:
    """Store one file; storing under the same key again returns the first, whatever the bytes.

    key           natural key within the seller, e.g. ``invoice:12:document``
    recipient_id  the customer's organisation that may read it too; None: the seller alone
    """
    document, _ = Document.objects.get_or_create(
        seller_id=seller_id,
        key=key,
        defaults={
            "recipient_id": recipient_id,
            "kind": kind,
            "media_type": media_type,
            "language": language,
            "file_name": file_name,
            "content": content,
            "sha256": sha256(content).hexdigest(),
            "created_at": at,
        },
    )
    return document
