"""What every list of the console offers beside its rows: saved views, its rows as CSV, acts on many rows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST
from djmoney.money import Money
from unfold.views import ChangeList

from apps.accounts.domain.roles import OPERATOR_ROLES, Role
from apps.accounts.models import Membership, SavedView
from apps.accounts.scope import acting_membership, has_role
from apps.core.domain.cells import csv_text
from apps.core.domain.money import round_half_up

MOST_AT_ONCE: Final = 200
"""How many rows an act takes in one go: each is a transaction of its own, and somebody waits for the page."""
_OF_A_PAGE_ALONE: Final = ("p", "e", "all", "_popup", "_to_field", "_facets")


class SavedViewForm(forms.Form):
    """A list's name for what is shown now."""

    name = forms.CharField(max_length=40)
    query = forms.CharField(max_length=500, required=False)
    is_shared = forms.BooleanField(required=False)

    def clean_query(self) -> str:
        return lasting_query(self.cleaned_data["query"])


def lasting_query(text: str) -> str:
    """Return an address's query without what belongs to one look at a page: its number, how it was opened."""
    asked = QueryDict(text, mutable=True)
    for name in _OF_A_PAGE_ALONE:
        asked.pop(name, None)
    return asked.urlencode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one row of many; words: what the service said, or why it refused."""

    row: Any
    url: str
    words: str
    is_done: bool


class CountedList(ChangeList):
    """A list that offers to show all only where a search or a filter leaves some out."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.get_filters_params():
            self.full_result_count = self.result_count


class ListTools:
    """Saved views, CSV and acts on many rows, for an admin class.

    csv_columns  heading → what a row says under it; without any, the list is not offered as a file
    """

    csv_columns: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    list_before_template = "admin/list_tools.html"

    # Of Django's ModelAdmin.
    opts: Any
    admin_site: Any

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CountedList

    def get_urls(self) -> list[Any]:
        name, wrap = self.list_name, self.admin_site.admin_view
        return [
            path("views/save/", wrap(require_POST(self.save_view)), name=f"{name}_save_view"),
            path("views/<int:view_id>/drop/", wrap(require_POST(self.drop_view)), name=f"{name}_drop_view"),
            *([path("csv/", wrap(self.send_csv), name=f"{name}_csv")] if self.csv_columns else ()),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        saved = list(self._saved_views(request))
        for view in saved:
            view.drop_url = self._url("drop_view", view.pk)
        context = {
            "saved_views": saved,
            "shown_query": lasting_query(request.GET.urlencode()),
            "may_save_views": acting_membership(request) is not None,
            "save_view_url": self._url("save_view"),
            "csv_url": self._url("csv") if self.csv_columns else "",
        }
        answer: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})  # type: ignore[misc]
        return answer

    def _url(self, name: str, *args: object) -> str:
        return reverse(f"admin:{self.list_name}_{name}", args=args)

    # --- saved views ------------------------------------------------------------------------------------------

    @property
    def list_name(self) -> str:
        """Which list it is: the beginning of its pages' names."""
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _saved_views(self, request: HttpRequest) -> Any:
        """Return a person's own views of this list, and those that colleagues share."""
        membership = acting_membership(request)
        if membership is None or not has_role(request, OPERATOR_ROLES):
            return SavedView.objects.none()
        visible = Q(user=membership.user_id) | Q(is_shared=True)
        return SavedView.objects.visible_to(membership).filter(visible, page=self.list_name).select_related("user")

    def save_view(self, request: HttpRequest) -> HttpResponse:
        """Keep what the list shows now under a name; the same name again replaces it."""
        membership = self._operator(request)
        form = SavedViewForm(request.POST)
        if not form.is_valid():
            messages.error(request, "Give the view a name of at most 40 characters.")
            return HttpResponseRedirect(self._url("changelist"))
        kept = form.cleaned_data
        SavedView.objects.update_or_create(
            organisation=membership.organisation,
            user=membership.user,
            page=self.list_name,
            name=kept["name"].strip(),
            defaults={"query": kept["query"], "is_shared": kept["is_shared"]},
        )
        messages.success(request, f"“{kept['name'].strip()}” is above the list from now on.")
        return HttpResponseRedirect(f"{self._url('changelist')}?{kept['query']}")

    def drop_view(self, request: HttpRequest, view_id: int) -> HttpResponse:
        """Forget a view: one's own, or as the owner any that is shared."""
        membership = self._operator(request)
        found = self._saved_views(request).filter(pk=view_id).first()
        if found is None:
            raise Http404(f"no view {view_id}")
        if found.user_id != membership.user_id and membership.role != Role.OWNER:
            raise PermissionDenied
        found.delete()
        messages.success(request, f"“{found.name}” is gone.")
        return HttpResponseRedirect(self._url("changelist"))

    def _operator(self, request: HttpRequest) -> Membership:
        membership = acting_membership(request)
        if membership is None or not has_role(request, OPERATOR_ROLES):
            raise PermissionDenied
        return membership

    # --- the list as a file -----------------------------------------------------------------------------------

    def send_csv(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send the rows that the list shows under its filters and search, all pages of it."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset  # type: ignore[attr-defined]
        except IncorrectLookupParameters as error:
            raise Http404("no such filter") from error
        response = StreamingHttpResponse(self._lines(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{self.opts.model_name}s.csv"'
        response["Cache-Control"] = "no-store"
        return response

    def csv_rows(self, rows: Any) -> Any:
        """Load what the columns read; a list adds to it where its own columns do not need it."""
        return rows

    def _lines(self, rows: Any) -> Iterator[str]:
        yield "\ufeff" + csv_text([list(self.csv_columns)])
        for row in self.csv_rows(rows).iterator(chunk_size=500):
            yield csv_text([[_cell(tell(row)) for tell in self.csv_columns.values()]])

    # --- acts on many rows ------------------------------------------------------------------------------------

    def act_on_many(
        self,
        request: HttpRequest,
        rows: Any,
        *,
        title: str,
        text: str,
        submit: str,
        do: Callable[[Any], str],
        refused: tuple[type[Exception], ...] = (),
    ) -> HttpResponse | None:
        """Ask before an act on the chosen rows, then do it row by row, and show what became of each.

        do  one call into a service, in a transaction of its own; returns what to say of the row
        """
        chosen = list(rows[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            messages.error(request, f"Nothing was done: choose at most {MOST_AT_ONCE} rows at once.")
            return None
        is_confirmed = request.POST.get("confirmed") == "yes"
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "text": text,
            "submit_label": submit,
            "action": request.POST.get("action", ""),
            "checkbox": ACTION_CHECKBOX_NAME,
            "rows": chosen,
            "done": [self._do(request, row, do, refused, title) for row in chosen] if is_confirmed else None,
            "back": self._url("changelist"),
        }
        return TemplateResponse(request, "admin/act_on_many.html", context)

    def _do(
        self, request: HttpRequest, row: Any, do: Callable[[Any], str], refused: tuple[type[Exception], ...], title: str
    ) -> Done:
        url = self._url("change", row.pk)
        try:
            words = do(row)
        except refused as refusal:
            return Done(row=row, url=url, words=str(refusal), is_done=False)
        self.log_change(request, row, words or title)  # type: ignore[attr-defined]
        return Done(row=row, url=url, words=words, is_done=True)


def _cell(value: Any) -> str:
    """Write a value for a program to read: an amount with its currency's decimals, an instant as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, Money):
        return str(round_half_up(value.amount, currency=str(value.currency)))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else str(value)
