"""The admin's base classes: every row, choice, filter and history through the tenant's own rows, every act a service.

A class says who may change its rows by ``change_roles``; every operator role may look. Without it the class only shows.
Another tenant's object answers 404, as if it did not exist.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, ClassVar, Final, NoReturn

from django import forms
from django.contrib import messages
from django.contrib.admin import AllValuesFieldListFilter, FieldListFilter, RelatedFieldListFilter
from django.core.exceptions import ValidationError
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.accounts.admin_found import complete
from apps.accounts.admin_history import HistoryOfChanges
from apps.accounts.admin_lists import ListTools
from apps.accounts.admin_search import searched
from apps.accounts.domain.roles import OPERATOR_ROLES, Role
from apps.accounts.scope import acting_membership, has_role, is_platform_operator, operated_rows
from apps.accounts.tenancy import TenantModel
from apps.core.keyed import KeyedPaginator

__all__ = ["ActForm", "ReasonForm", "RelatedOnlyFieldListFilter", "TenantAdmin", "TenantTabular", "operated_rows"]

_YEARS: Final = range(1900, 2200)
MOST_COUNTED: Final = 10_000
"""A list counts its rows up to here: nobody turns two hundred pages, and counting a million takes longest of all."""
MOST_LOOKED_AT: Final = 5_000
"""So many of the newest rows say what a filter over a column of any values offers."""
MOST_CHOICES: Final = 50
"""Above so many a filter beside a list offers none: nobody reads them, and search finds the one."""


class CappedPaginator(KeyedPaginator):
    """Counts up to ``MOST_COUNTED`` rows and says so; what lies beyond is found by search and filters."""

    template_name = "admin/list_count.html"

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST_COUNTED)

    @property
    def more_than(self) -> int | None:
        """How many were counted where there are more; None: all were."""
        return MOST_COUNTED if self._counted > MOST_COUNTED else None

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        # Of keys alone: what a list works out for each row it shows is not worked out for those that are counted.
        return int(rows.order_by().values("pk")[: MOST_COUNTED + 1].count())


class RelatedOnlyFieldListFilter(RelatedFieldListFilter):
    """Offers the tenant's own related rows while they are few, without asking the list which of them it holds."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        related = field.remote_field.model
        if not issubclass(related, TenantModel):
            return super().field_choices(field, request, model_admin)
        rows = operated_rows(request, related.objects.all())
        found = list(rows[: MOST_CHOICES + 1])
        if len(found) > MOST_CHOICES:
            # What a link chose is named, so that it can be taken off again.
            chosen = [value for value in self.lookup_val or () if str(value).isdecimal()]
            found = list(rows.filter(pk__in=chosen))
        return [(row.pk, str(row)) for row in found]

    def has_output(self) -> bool:
        return bool(self.lookup_choices) and super().has_output()


class RecentValuesFieldListFilter(AllValuesFieldListFilter):
    """Offers what a column of any values says in the newest rows; all of them would be looked through for the rest."""

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        newest = model_admin.get_queryset(request).order_by("-pk").values_list(field_path, flat=True)[:MOST_LOOKED_AT]
        # What a link chose is named, so that it can be taken off again.
        offered: Any = sorted({*newest, *(self.lookup_val or ())}, key=str)
        self.lookup_choices = offered


FieldListFilter.register(
    lambda field: isinstance(field, models.CharField) and not field.choices,
    RecentValuesFieldListFilter,
    take_priority=True,
)


class DatedForm(forms.ModelForm):
    """Refuses the years of a mistyped date: beside year 1 and year 9999 lie instants that no clock of ours can read."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name, value in list(cleaned.items()):
            if isinstance(value, date) and value.year not in _YEARS:
                self.add_error(name, f"Name a year from {_YEARS[0]} to {_YEARS[-1]}.")
        return cleaned


class TenantForm(DatedForm):
    """Sets a new row's owner before its constraints are checked, and says refusals in words.

    refusals  constraint name → sentence; a constraint not in it is named by its own words
    """

    owner_field: ClassVar[str] = ""
    owner_id: ClassVar[int | None] = None
    refusals: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.owner_field and self.owner_id and self.instance._state.adding:
            setattr(self.instance, f"{self.owner_field}_id", self.owner_id)

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """Show an amount as it was typed, without the zeros that its column adds: 100.00 for 100.000000."""
        value = super().get_initial_for_field(field, field_name)
        if not isinstance(value, Decimal) or value.as_tuple().exponent >= -2:  # type: ignore[operator]
            return value
        short = value.normalize()
        return short if short.as_tuple().exponent < -2 else value.quantize(Decimal("0.01"))  # type: ignore[operator]

    def _get_validation_exclusions(self) -> set[str]:
        # An owner that is set here and not shown still counts in "unique per owner".
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions - {self.owner_field}

    def _update_errors(self, errors: ValidationError) -> None:
        said = errors.error_dict.values() if hasattr(errors, "error_dict") else [errors.error_list]
        for error in chain.from_iterable(said):
            if constraint := self._refusing(error):
                error.message = self.refusals.get(constraint.name, constraint.name.replace("_", " ").capitalize() + ".")
        super()._update_errors(errors)  # type: ignore[misc]

    def _refusing(self, error: ValidationError) -> models.BaseConstraint | None:
        """Return the constraint that an error is about: Django names it, or for plain ones only its fields."""
        fields = (error.params or {}).get("unique_check")
        for constraint in self._meta.model._meta.constraints:
            if constraint.name in str(error.message) or (fields and fields == getattr(constraint, "fields", None)):
                return constraint
        return None


def seller_id_of(form: TenantForm, cleaned: dict[str, Any]) -> int | None:
    """Return whose row it is: set already, or just chosen by a platform operator."""
    seller = cleaned.get("seller")
    return seller.pk if seller is not None else form.instance.seller_id


class ActForm(forms.Form):
    """What an act asks before it happens; none of its fields are needed to confirm one."""


class ReasonForm(ActForm):
    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="It stands in the books for ever, with your name.",
    )


def choice_field(queryset: Any, **kwargs: Any) -> forms.ModelChoiceField:
    """Return a select over ``queryset`` in the console's look."""
    return forms.ModelChoiceField(queryset, widget=UnfoldAdminSelectWidget, **kwargs)


class _TenantRows:
    """What admins and inlines share: whose rows, whose choices, who may change them."""

    model: type[models.Model]
    change_roles: ClassVar[frozenset[Role]] = frozenset()
    deletable: ClassVar[bool] = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return operated_rows(request, super().get_queryset(request))  # type: ignore[misc]

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        queryset = super().get_field_queryset(db, db_field, request)  # type: ignore[misc]
        related = db_field.remote_field.model
        if not issubclass(related, TenantModel):
            return queryset
        return operated_rows(request, related.objects.all() if queryset is None else queryset)

    def may_change(self, request: HttpRequest) -> bool:
        return bool(self.change_roles) and has_role(request, self.change_roles)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request, OPERATOR_ROLES)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletable and self.may_change(request)


class TenantAdmin(HistoryOfChanges, ListTools, _TenantRows, ModelAdmin):
    """A tenant model in the console.

    fields       always stated, without the owner
    owner_field  set from the acting membership when a row is added; only a platform operator chooses it
    refusals     constraint name → what to tell the person
    empty_hint   what to do next where the list is empty
    """

    owner_field: ClassVar[str] = ""
    refusals: ClassVar[dict[str, str]] = {}
    empty_hint: ClassVar[str] = ""
    form = TenantForm
    paginator = CappedPaginator
    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = False
    warn_unsaved_form = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request, OPERATOR_ROLES)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        fields = tuple(self.get_search_fields(request))
        return searched(queryset, fields=fields, text=search_term) if fields else queryset, False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = list(super().get_fields(request, obj))
        if self.owner_field and obj is None and is_platform_operator(request):
            return [self.owner_field, *fields]
        return fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        membership = acting_membership(request)
        chosen = is_platform_operator(request) or membership is None
        owner = {
            "owner_field": self.owner_field,
            "owner_id": None if chosen else membership.organisation_id,  # type: ignore[union-attr]
            "refusals": self.refusals,
        }
        return type(form)(form.__name__, (form,), owner)

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        # Deleting many at once asks no row whether it may go.
        actions.pop("delete_selected", None)
        return actions

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        # Django redirects to the index with a message; a missing object is a 404 here, whoever's it is.
        raise Http404(f"no {opts.verbose_name} {object_id}")

    def get_object_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """Return the tenant's own object.

        :raises Http404: there is none, or it is another tenant's
        """
        found = self.get_object(request, object_id)
        if found is None:
            self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return found

    def act(
        self,
        request: HttpRequest,
        *,
        obj: Any | None,
        title: str,
        text: str,
        submit: str,
        do: Callable[[dict[str, Any]], HttpResponse | str],
        form_class: type[forms.Form] = ActForm,
        refused: tuple[type[Exception], ...] = (),
        initial: dict[str, Any] | None = None,
        facts: tuple[tuple[str, object], ...] = (),
    ) -> HttpResponse:
        """Ask before an act (GET), then do it (POST): one call into a service, whose refusal is shown as it is worded.

        do     gets the cleaned form; returns what to say on the object's page, or a page of its own
        facts  what to know before one decides: name and value
        """
        form = form_class(request.POST if request.method == "POST" else None, initial=initial)
        if (completed := complete(request, form)) is not None:
            return completed
        if request.method == "POST" and form.is_valid():
            try:
                outcome = do(form.cleaned_data)
            except refused as error:
                form.add_error(None, str(error))
            else:
                if obj is not None:
                    self.note_act(request, obj, outcome if isinstance(outcome, str) else f"{title}.")
                if isinstance(outcome, HttpResponse):
                    return outcome
                messages.success(request, outcome)
                return HttpResponseRedirect(self.page_of(obj))
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "text": text,
            "facts": facts,
            "submit_label": submit,
            "form": form,
            "back": self.page_of(obj),
        }
        return TemplateResponse(request, "admin/act.html", context)

    def page_of(self, obj: Any | None) -> str:
        """Return the address of an object's page, or of the list."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"{name}_changelist") if obj is None else reverse(f"{name}_change", args=[obj.pk])


class TenantTabular(_TenantRows, TabularInline):
    """Rows of a parent on its page; without ``change_roles`` they only show."""

    form = DatedForm
    extra = 0
    hide_title = True
    show_change_link = False
