"""Refunds above the limit, and those support asks for: another person than the one who asked confirms or declines."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import SUPPORT_ROLES
from apps.accounts.scope import has_role, operator_of
from apps.accounts.tenant_admin import ActForm
from apps.core import clock
from apps.core.words import money
from apps.invoices.errors import DocumentRefused
from apps.payments.admin_bank import MoneyActs
from apps.payments.models import RefundRequest
from apps.payments.services.refund_requests import confirm_request, decline_request, withdraw_request
from apps.payments.services.refunds import NotRefundable

REFUSED = (NotRefundable, DocumentRefused)


class DeclineForm(ActForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Whoever asked reads it.")


@admin.register(RefundRequest)
class RefundRequestAdmin(MoneyActs):
    empty_hint = (
        "Refunds above your limit (Settings → Company), and those that support asks for, wait here until another "
        "person confirms them."
    )
    list_display = ("requested_at", "of_what", "goes_back", "state", "requested_by", "decided_by")
    list_filter = ("status",)
    list_select_related = ("document", "wallet__contract", "requested_by", "decided_by")
    search_fields = ("document__number", "wallet__contract__number", "reason")
    fields = (
        ("of_what", "goes_back", "state"),
        "reason",
        ("requested_by", "requested_at", "expires_at"),
        ("decided_by", "decided_at"),
        "decision_reason",
        "credit_note",
    )
    readonly_fields = ("of_what", "goes_back", "state")
    actions_detail = ("confirm", "decline", "withdraw")

    @admin.display(description="of")
    def of_what(self, row: RefundRequest) -> str:
        found, name = (row.document, "invoices_invoice") if row.document else (row.wallet, "payments_wallet")
        assert found is not None, "a request is of a document or a wallet"
        return format_html(
            '<a class="wl-link" href="{}">{}</a>', reverse(f"admin:{name}_change", args=[found.pk]), found
        )

    @admin.display(description="goes back", ordering="amount")
    def goes_back(self, row: RefundRequest) -> str:
        return money(row.amount)

    @display(
        description="state",
        label={
            "waits": "warning",
            "confirmed": "success",
            "declined": "danger",
            "withdrawn": "info",
            "too old": "info",
        },
    )
    def state(self, row: RefundRequest) -> str:
        if row.status != RefundRequest.Status.OPEN:
            return str(row.status)
        return "waits" if row.expires_at > clock.now() else "too old"

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offer what can still be done: nothing once it is decided, to whoever asked only to take it back."""
        row, actions = self.get_object(request, object_id), super().get_actions_detail(request, object_id)
        if row is None or row.status != RefundRequest.Status.OPEN:
            return []
        is_own = row.requested_by_id == request.user.pk
        return [each for each in actions if each.action_name.endswith("withdraw") == is_own]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what is only known of one that is decided."""
        fields = super().get_fields(request, obj)
        is_open = obj is not None and obj.status == RefundRequest.Status.OPEN
        return fields[:-3] if is_open else fields

    def _facts(self, asked: RefundRequest) -> tuple[tuple[str, object], ...]:
        customer = asked.document.customer if asked.document else asked.wallet and asked.wallet.contract.customer
        return (
            ("Of", self.of_what(asked)),
            ("Customer", customer or "anonymous driver"),
            *((("Total", money(asked.document.gross)),) if asked.document else ()),
            ("Goes back", money(asked.amount)),
            ("Why", asked.reason),
            ("Asked by", asked.requested_by),
            ("Asked at", asked.requested_at),
        )

    def has_asking_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, SUPPORT_ROLES)

    @action(description="Confirm", url_path="confirm", permissions=["money"], icon="check")
    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        asked = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            confirm_request(request_id=asked.pk, by=operator_of(request), at=clock.now())
            return f"{money(asked.amount)} go back."

        return self.act(
            request,
            obj=asked,
            title=f"Confirm the {asked}",
            text=f"{money(asked.amount)} go back at once to the card or account they came from"
            f"{', and its credit note is issued' if asked.document else ''}.",
            facts=self._facts(asked),
            submit=f"Give {money(asked.amount)} back",
            refused=REFUSED,
            do=do,
        )

    @action(description="Decline", url_path="decline", permissions=["money"], icon="block")
    def decline(self, request: HttpRequest, object_id: str) -> HttpResponse:
        asked = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            decline_request(request_id=asked.pk, by=operator_of(request), at=clock.now(), **cleaned)
            return "It is declined: nothing is credited and nothing goes back."

        return self.act(
            request,
            obj=asked,
            title=f"Decline the {asked}",
            text="Nothing is credited and nothing goes back.",
            facts=self._facts(asked),
            submit="Decline",
            form_class=DeclineForm,
            refused=REFUSED,
            do=do,
        )

    @action(description="Withdraw", url_path="withdraw", permissions=["asking"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        asked = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            withdraw_request(request_id=asked.pk, by=operator_of(request), at=clock.now())
            return "It is withdrawn."

        return self.act(
            request,
            obj=asked,
            title=f"Withdraw the {asked}",
            text="Nobody has to decide about it any more.",
            submit="Withdraw",
            refused=REFUSED,
            do=do,
        )
