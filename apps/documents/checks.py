"""I6 for documents: what is stored is what was issued."""

from collections.abc import Iterator
from hashlib import sha256

from apps.core.audit import register
from apps.documents.models import Document


@register("I6")
def documents_hash_to_what_was_stored() -> Iterator[tuple[str, str]]:
    """Yield each document whose bytes no longer give its hash."""
    for document in Document.objects.order_by("pk").iterator(chunk_size=100):
        if sha256(document.content).hexdigest() != document.sha256:
            yield f"document {document.pk}", f"{document.file_name} does not hash to what was stored"
