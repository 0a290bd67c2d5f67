"""Importing cards from a file: what comes of each line is shown first; a second look does what was seen."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership
from apps.accounts.tenant_admin import TenantAdmin
from apps.contracts.card_imports import Outcome, RowOutcome, carry_out, preview
from apps.contracts.cards import CardRefused, seen_cards
from apps.contracts.domain.card_files import COLUMNS, EXAMPLE, MOST_BYTES, MOST_ROWS, CardFile, read_cards
from apps.core import clock
from apps.core.domain.cells import csv_text

MOST_PROBLEMS: Final = 100


class CardImportPages(TenantAdmin):
    """The pages beside the list of cards on which many are added at once."""

    @action(description="Import cards", url_path="import", permissions=["import"], icon="upload")
    def import_cards(self, request: HttpRequest) -> HttpResponse:
        """Read a file and show each line's outcome; a POST that confirms adds the cards that can be."""
        seller = _seller(request)
        context: dict[str, Any] = {"most_rows": MOST_ROWS}
        if request.method == "POST":
            content = _content(request)
            file = read_cards(content)
            if file.rows and "confirm" in request.POST:
                try:
                    done = carry_out(seller_id=seller.pk, rows=file.rows, turned=_turned(request, file))
                except CardRefused as refusal:
                    messages.error(request, str(refusal))
                else:
                    return self._done(request, done)
            context |= _shown(request, seller, file, content)
        return TemplateResponse(
            request,
            "admin/contracts/import_cards.html",
            {
                **self.admin_site.each_context(request),
                "title": "Import cards",
                "columns": COLUMNS,
                "template_url": reverse("admin:contracts_idtoken_import_template"),
                "page": reverse("admin:contracts_idtoken_import_cards"),
                **context,
            },
        )

    @action(description="A file to fill in", url_path="import-template", permissions=["import"], icon="download")
    def import_template(self, request: HttpRequest) -> HttpResponse:
        response = HttpResponse(csv_text([COLUMNS, *EXAMPLE]), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="cards.csv"'
        return response

    def has_import_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_change(request)

    def _done(self, request: HttpRequest, done: list[RowOutcome]) -> HttpResponse:
        count = {outcome: sum(one.outcome is outcome for one in done) for outcome in Outcome}
        messages.success(
            request,
            f"{count[Outcome.NEW]} cards added, {count[Outcome.THERE]} were there, {count[Outcome.REFUSED]} left out.",
        )
        return HttpResponseRedirect(self.page_of(None))


def _seller(request: HttpRequest) -> Organisation:
    """Return whose cards they are: the acting organisation's; a platform operator acts in one first."""
    membership = acting_membership(request)
    if membership is None or not membership.organisation.is_station_owner:
        raise PermissionDenied
    return membership.organisation


def _content(request: HttpRequest) -> bytes:
    """Return the file as it was sent, or sent again with the confirmation; one byte too many says so itself."""
    file = request.FILES.get("file")
    if file is not None:
        return file.read(MOST_BYTES + 1)
    return request.POST.get("content", "").encode()


def _turned(request: HttpRequest, file: CardFile) -> set[int]:
    """Return the lines of which the person wants the bytes reversed."""
    chosen = set(request.POST.getlist("turned"))
    return {row.line for row in file.rows if str(row.line) in chosen}


def _shown(request: HttpRequest, seller: Organisation, file: CardFile, content: bytes) -> dict[str, Any]:
    seen = seen_cards(seller_id=seller.pk, at=clock.now())
    rows = preview(seller_id=seller.pk, rows=file.rows, seen=seen)
    return {
        "rows": rows,
        "fresh": sum(one.outcome is Outcome.NEW or bool(one.turned) for one in rows),
        "problems": file.problems[:MOST_PROBLEMS],
        "more_problems": max(len(file.problems) - MOST_PROBLEMS, 0),
        "content": content.decode("utf-8-sig") if file.rows else "",
    }
