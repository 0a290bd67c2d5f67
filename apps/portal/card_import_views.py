"""Many cards at once: a customer's administrator brings a file, sees what comes of each line, then adds what is new."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.models import Membership
from apps.contracts import card_imports
from apps.contracts.cards import CardRefused
from apps.contracts.domain.card_files import own_cards
from apps.contracts.imports import Outcome, RowOutcome
from apps.contracts.models import Contract
from apps.core.domain.cells import csv_text
from apps.core.domain.csv_tables import MOST_BYTES, MOST_ROWS, File, Problem, read_table
from apps.portal.access import administrators_page
from apps.portal.card_views import open_contracts
from apps.portal.history import history_of
from apps.portal.pages import page_for

MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """A line that cannot be read, and why in the page's language; line 0: the whole file."""

    line: int
    words: str


@require_GET
@administrators_page
def file_to_fill_in(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Hand out the columns with two lines as an example."""
    table = own_cards("")
    response = HttpResponse(csv_text([table.columns, *table.example]), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="cards.csv"'
    return response


@require_http_methods(["GET", "POST"])
@administrators_page
def import_cards(request: HttpRequest, contract_id: int, *, membership: Membership) -> HttpResponse:
    """Ask for a file (GET); show what comes of it, or add what is new once that was seen (POST)."""
    contract = open_contracts(membership).filter(pk=contract_id).first()
    if contract is None:
        raise Http404("no such contract")
    context: dict[str, Any] = {"contract": contract, "most_rows": MOST_ROWS}
    if request.method == "POST":
        content = _content(request)
        file = read_table(content, own_cards(contract.number))
        if file.rows and "confirm" in request.POST:
            try:
                return _added(request, membership, contract, file)
            except CardRefused:
                messages.error(request, _("Somebody added one of these cards meanwhile. Look at the file again."))
        context |= _looked_at(contract, file, content)
    return page_for(request, "portal/card_import.html", membership, **context)


def _looked_at(contract: Contract, file: File[Any], content: bytes) -> dict[str, Any]:
    # Which order of its bytes a station sent is the seller's to see.
    outcomes = card_imports.preview(seller_id=contract.seller_id, rows=file.rows, seen=())
    return {
        "outcomes": outcomes,
        "fresh": _count(outcomes, Outcome.NEW),
        "problems": [Odd(line=one.line, words=_words(one)) for one in file.problems[:MOST_PROBLEMS]],
        "more_problems": max(len(file.problems) - MOST_PROBLEMS, 0),
        "content": content.decode("utf-8-sig") if file.rows else "",
    }


def _added(request: HttpRequest, membership: Membership, contract: Contract, file: File[Any]) -> HttpResponse:
    with history_of(membership) as history:
        done = card_imports.carry_out(seller_id=contract.seller_id, rows=file.rows)
        count = _count(done, Outcome.NEW)
        if count:
            history.did(contract, f"{count} cards imported.")
    told = ngettext("%(count)s card is added.", "%(count)s cards are added.", count) % {"count": count}
    messages.success(request, told)
    return redirect("portal:cards")


def _count(outcomes: Sequence[RowOutcome], outcome: Outcome) -> int:
    return sum(one.outcome is outcome for one in outcomes)


def _words(problem: Problem) -> str:
    return _(problem.template) % problem.told if problem.template else _(problem.message)


def _content(request: HttpRequest) -> bytes:
    """Return the file as it was sent, or sent again with the confirmation; one byte too many says so itself."""
    file = request.FILES.get("file")
    return file.read(MOST_BYTES + 1) if file is not None else request.POST.get("content", "").encode()
