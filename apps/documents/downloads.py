"""A stored file as an HTTP answer."""

from django.http import HttpResponse

from apps.documents.models import Document


def as_download(document: Document) -> HttpResponse:
    """Return the file as an attachment that no cache but the person's own may keep."""
    response = HttpResponse(bytes(document.content), content_type=document.media_type)
    response["Content-Disposition"] = f'attachment; filename="{document.file_name}"'
    response["Cache-Control"] = "private, no-store"
    return response
