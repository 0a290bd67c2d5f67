"""Fields of an act in which one of many rows is typed and completed: only what the act itself takes is offered.

The act's own page answers what is typed, so that whoever may not act is offered nothing, and nobody another's rows.
"""

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.paginator import Paginator
from django.http import HttpRequest, JsonResponse

_MOST_AT_ONCE: Final = 20


class _FoundSelect(AutocompleteSelect):
    def get_url(self) -> str:
        # The page it stands on, without what that was asked.
        return "?"


class FoundField(forms.ModelChoiceField):
    """A row of ``queryset``, found by what the list of its model finds; whatever is not in ``queryset`` is refused.

    key       a foreign key to the same model
    in_words  what is said of a row; None: its name
    """

    def __init__(self, queryset: Any, *, key: Any, in_words: Callable[[Any], str] | None = None, **kwargs: Any) -> None:
        self._in_words: Callable[[Any], str] = in_words or str
        super().__init__(queryset, widget=_FoundSelect(key, admin.site), **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        return self._in_words(obj)


def complete(request: HttpRequest, form: forms.Form) -> JsonResponse | None:
    """Answer what is typed into the form's ``FoundField`` (``?term=…&page=…``); None: nothing was typed."""
    field = next((each for each in form.fields.values() if isinstance(each, FoundField)), None)
    if field is None or "term" not in request.GET:
        return None
    rows: Any = field.queryset
    # A character that no column can hold.
    term = request.GET["term"].replace("\0", "")
    found, may_repeat = admin.site.get_model_admin(rows.model).get_search_results(request, rows, term)
    page = Paginator(found.distinct() if may_repeat else found, _MOST_AT_ONCE).get_page(request.GET.get("page"))
    results = [{"id": str(row.pk), "text": field.label_from_instance(row)} for row in page]
    return JsonResponse({"results": results, "pagination": {"more": page.has_next()}})
