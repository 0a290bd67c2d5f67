"""Closed months in the console: close what is over, reopen with a reason."""

from datetime import date
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from apps.accounts.domain.roles import MONEY_ROLES, Role
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operator_of
from apps.accounts.tenant_admin import ActForm, ReasonForm, TenantAdmin
from apps.core import clock
from apps.core.domain.zones import zone
from apps.ledger.models import Closing, Journal
from apps.ledger.selectors import closed_until
from apps.ledger.services.closings import NotClosable, close_month, following, reopen_month

_OFFERED: Final = 24
"""How many of the latest months are offered to be closed."""


def open_months(seller: Organisation) -> list[date]:
    """Return the months of a seller that are over and not closed, the oldest first."""
    today = clock.now().astimezone(zone(seller.time_zone)).date()
    last = closed_until(seller.pk)
    begun = Journal.objects.filter(entity=seller).order_by("posted_on").values_list("posted_on", flat=True).first()
    month = following(last) if last else (begun or today).replace(day=1)
    found = []
    while following(month) <= today:
        found.append(month)
        month = following(month)
    return found[-_OFFERED:]


@admin.register(Closing)
class ClosingAdmin(TenantAdmin):
    empty_hint = (
        "No month is closed, and none has to be. Close a month when your accountant has it: from then on nothing "
        "is posted into it, and what comes late is posted on the first day that is open."
    )
    list_display = ("month_name", "state", "closed_at", "closed_by", "reopened_at", "reopened_by", "reason")
    list_select_related = ("closed_by", "reopened_by")
    fields = (("month_name", "state"), ("closed_by", "closed_at"), ("reopened_by", "reopened_at"), "reason")
    readonly_fields = ("month_name", "state")
    actions_list = ("close",)
    actions_detail = ("reopen",)

    @admin.display(description="month", ordering="month")
    def month_name(self, closing: Closing) -> str:
        return date_format(closing.month, "F Y")

    @display(description="state", label={"closed": "success", "reopened": "warning"})
    def state(self, closing: Closing) -> str:
        return "closed" if closing.reopened_at is None else "reopened"

    def has_own_money_permission(self, request: HttpRequest) -> bool:
        return acting_membership(request) is not None and has_role(request, MONEY_ROLES)

    def has_owner_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, frozenset({Role.OWNER}))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        closing = self.get_object(request, object_id)
        is_closed = closing is not None and closing.reopened_at is None
        return super().get_actions_detail(request, object_id) if is_closed else []

    @action(description="Close a month", url_path="close", permissions=["own_money"], icon="lock")
    def close(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"
        seller = membership.organisation
        months = open_months(seller)

        class MonthForm(ActForm):
            month = forms.ChoiceField(
                choices=[(month.isoformat(), date_format(month, "F Y")) for month in months],
                widget=UnfoldAdminSelectWidget,
                help_text="All before it is closed with it. A month can be closed when it is over.",
                # Whoever had this page open while somebody else closed it.
                error_messages={"invalid_choice": "This month is closed already, or is not over yet. Choose another."},
            )

        def do(cleaned: dict[str, Any]) -> str:
            month = date.fromisoformat(cleaned["month"])
            closing = close_month(entity_id=seller.pk, month=month, by=operator_of(request), at=clock.now())
            return f"{closing} is closed. What comes late is posted on {following(closing.month):%-d %B %Y}."

        return self.act(
            request,
            obj=None,
            title="Close a month",
            text=f"Nothing of {seller} is posted into it any more. Invoices, payments and refunds that belong into it "
            "and come later are posted on the first open day and keep their tax date: the VAT summary of the closed "
            "month lists them as corrections.",
            submit="Close it",
            form_class=MonthForm,
            refused=(NotClosable,),
            do=do,
        )

    @action(description="Reopen", url_path="reopen", permissions=["owner"], icon="lock_open")
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        closing = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            reopen_month(closing_id=closing.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now())
            return f"{closing} is open again."

        return self.act(
            request,
            obj=closing,
            title=f"Reopen {date_format(closing.month, 'F Y')}",
            text="Journals may be posted into it again. What was exported of it stays as it is; what is added comes "
            "with the next export.",
            submit="Reopen",
            form_class=ReasonForm,
            refused=(NotClosable,),
            do=do,
        )
