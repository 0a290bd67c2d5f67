"""Importing from a file, and exporting in the same shape: what comes of each line is shown first, then done as shown.

One page for all that is imported; what differs is a ``FileKind``.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from apps.accounts.models import Organisation, User
from apps.accounts.scope import acting_membership, operator_of
from apps.accounts.tenant_admin import TenantAdmin
from apps.contracts import card_imports, contract_imports, customer_imports
from apps.contracts.cards import CardRefused, seen_cards
from apps.contracts.domain.card_files import CARDS
from apps.contracts.domain.contract_files import CONTRACTS
from apps.contracts.domain.customer_files import CUSTOMERS
from apps.contracts.imports import ImportRefused, Outcome, RowOutcome
from apps.core import clock
from apps.core.domain.cells import csv_text
from apps.core.domain.csv_tables import MOST_BYTES, MOST_ROWS, File, Table, read_table

MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """What is imported.

    table      the file · noun  a row of it in a word · first  what must be there before, as a sentence
    look       seller, rows and the lines a person turned → an outcome a line
    carry_out  the same, then written; its fourth says whether all or none, its fifth who does it
    lines_of   a query of rows → lines of the file
    """

    table: Table[Any]
    noun: str
    first: str
    look: Callable[[int, Sequence[Any], Collection[int]], list[RowOutcome]]
    carry_out: Callable[[int, Sequence[Any], Collection[int], bool, User], list[RowOutcome]]
    lines_of: Callable[[Any], list[tuple[str, ...]]]


def _look_at_cards(seller_id: int, rows: Sequence[Any], turned: Collection[int]) -> list[RowOutcome]:
    seen = seen_cards(seller_id=seller_id, at=clock.now())
    return card_imports.preview(seller_id=seller_id, rows=rows, seen=seen, turned=turned)


CARD_FILES: Final = FileKind(
    table=CARDS,
    noun="card",
    first="Contracts must exist. Vehicles and cost centres that the customer has none of yet are made with the cards.",
    look=_look_at_cards,
    carry_out=lambda seller_id, rows, turned, whole, by: card_imports.carry_out(
        seller_id=seller_id, rows=rows, turned=turned, whole=whole
    ),
    lines_of=card_imports.lines_of,
)
CUSTOMER_FILES: Final = FileKind(
    table=CUSTOMERS,
    noun="customer",
    first="Nothing must exist before; contracts and cards come afterwards, from files of their own.",
    look=lambda seller_id, rows, turned: customer_imports.preview(seller_id=seller_id, rows=rows),
    carry_out=lambda seller_id, rows, turned, whole, by: customer_imports.carry_out(
        seller_id=seller_id, rows=rows, whole=whole
    ),
    lines_of=customer_imports.lines_of,
)
CONTRACT_FILES: Final = FileKind(
    table=CONTRACTS,
    noun="contract",
    first="Customers and membership tiers must exist. A contract is in force as its days say, without a document.",
    look=lambda seller_id, rows, turned: contract_imports.preview(seller_id=seller_id, rows=rows),
    carry_out=lambda seller_id, rows, turned, whole, by: contract_imports.carry_out(
        seller_id=seller_id, rows=rows, whole=whole
    ),
    lines_of=contract_imports.lines_of,
)


class ImportPages(TenantAdmin):
    """The pages beside a list on which many rows are added at once, or taken away as a file."""

    files: ClassVar[FileKind]

    @action(description="Import", url_path="import", permissions=["import"], icon="upload")
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """Read a file and show each line's outcome; a POST that confirms adds what can be."""
        seller = _seller(request)
        context: dict[str, Any] = {}
        if request.method == "POST":
            content = _content(request)
            file = read_table(content, self.files.table)
            if file.rows and "confirm" in request.POST:
                try:
                    done = self._carry_out(request, seller, file)
                except (CardRefused, ImportRefused) as refusal:
                    messages.error(request, str(refusal))
                else:
                    return self._done(request, done)
            context = self._shown(request, seller, file, content)
        return TemplateResponse(
            request,
            "admin/contracts/import.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Import {self.files.table.rows}",
                "noun": self.files.noun,
                "nouns": self.files.table.rows,
                "first": self.files.first,
                "most_rows": MOST_ROWS,
                "template_url": self._page("import_template"),
                "page": self._page("import_file"),
                **context,
            },
        )

    @action(description="A file to fill in", url_path="import-template", permissions=["import"], icon="draft")
    def import_template(self, request: HttpRequest) -> HttpResponse:
        return self._file(self.files.table.example)

    @action(description="Export", url_path="export", permissions=["import"], icon="download")
    def export_file(self, request: HttpRequest) -> HttpResponse:
        """Hand out everything of the list as a file that could be imported."""
        return self._file(self.files.lines_of(self.get_queryset(request).filter(seller=_seller(request))))

    def has_import_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_change(request)

    def _carry_out(self, request: HttpRequest, seller: Organisation, file: File[Any]) -> list[RowOutcome]:
        whole = "whole" in request.POST
        if whole and file.problems:
            raise ImportRefused("Nothing was added, since there are lines that cannot be read.")
        return self.files.carry_out(seller.pk, file.rows, _turned(request, file), whole, operator_of(request))

    def _done(self, request: HttpRequest, done: list[RowOutcome]) -> HttpResponse:
        count = {outcome: sum(one.outcome is outcome for one in done) for outcome in Outcome}
        messages.success(
            request,
            f"{count[Outcome.NEW]} {self.files.table.rows} added, {count[Outcome.THERE]} were there, "
            f"{count[Outcome.REFUSED]} left out.",
        )
        return HttpResponseRedirect(self.page_of(None))

    def _shown(self, request: HttpRequest, seller: Organisation, file: File[Any], content: bytes) -> dict[str, Any]:
        rows = self.files.look(seller.pk, file.rows, ())
        return {
            "rows": rows,
            "fresh": sum(one.outcome is Outcome.NEW or bool(one.turned) for one in rows),
            "problems": file.problems[:MOST_PROBLEMS],
            "more_problems": max(len(file.problems) - MOST_PROBLEMS, 0),
            "content": content.decode("utf-8-sig") if file.rows else "",
        }

    def _file(self, lines: Iterable[Sequence[str]]) -> HttpResponse:
        table = self.files.table
        response = HttpResponse(csv_text([table.columns, *lines]), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{table.rows}.csv"'
        return response

    def _page(self, name: str) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}")


def _seller(request: HttpRequest) -> Organisation:
    """Return whose rows they are: the acting organisation's; a platform operator acts in one first."""
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


def _turned(request: HttpRequest, file: File[Any]) -> set[int]:
    """Return the lines of which the person wants the bytes reversed."""
    chosen = set(request.POST.getlist("turned"))
    return {row.line for row in file.rows if str(row.line) in chosen}
