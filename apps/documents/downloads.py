"""A file as an HTTP answer that no cache but the person's own may keep."""

from django.http import HttpResponse

from apps.documents.models import Document
from apps.documents.renderer import Rendered


def as_download(document: Document) -> HttpResponse:
    """Return a stored file as an attachment."""
    response = HttpResponse(bytes(document.content), content_type=document.media_type)
    response["Content-Disposition"] = f'attachment; filename="{document.file_name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def shown_inline(rendered: Rendered, *, name: str) -> HttpResponse:
    """Return what was just rendered and is kept nowhere, to be looked at in the browser.

    name  of the file, without extension; letters, digits and hyphens of it are used
    """
    safe = "".join(character if character.isalnum() and character.isascii() else "-" for character in name)
    response = HttpResponse(rendered.content, content_type=rendered.media_type)
    response["Content-Disposition"] = f'inline; filename="{safe}{rendered.extension}"'
    response["Cache-Control"] = "private, no-store"
    return response


def as_csv(text: str, *, name: str) -> HttpResponse:
    """Return a table that was just made; spreadsheets read its UTF-8 by the mark at its beginning."""
    safe = "".join(character if character.isalnum() and character.isascii() else "-" for character in name)
    response = HttpResponse(text.encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{safe}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response
