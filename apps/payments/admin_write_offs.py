"""Write-offs in the console: what will not be paid is given up with a reason, and shows what of it came back."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from apps.accounts.admin_found import FoundField
from apps.accounts.scope import operated_rows, operator_of
from apps.accounts.tenant_admin import ReasonForm
from apps.core import clock
from apps.core.words import amount as in_words
from apps.core.words import money
from apps.payments.admin_bank import MoneyActs, with_open_amount
from apps.payments.models import WriteOff
from apps.payments.selectors import documents_to_give_up
from apps.payments.services.write_offs import NotWrittenOff, write_off


@admin.register(WriteOff)
class WriteOffAdmin(MoneyActs):
    empty_hint = "Give up what will not be paid: it is posted as bad debt with its VAT, and the document is closed."
    list_display = ("written_at", "invoice", "gives_up", "reason", "decided_by")
    list_select_related = ("invoice", "decided_by")
    search_fields = ("invoice__number", "invoice__customer__name", "reason")
    date_hierarchy = "written_at"
    fields = (("invoice", "gives_up"), "by_category", "reason", ("decided_by", "written_at"))
    readonly_fields = ("gives_up", "by_category")
    actions_list = ("give_up",)

    @admin.display(description="given up", ordering="amount")
    def gives_up(self, row: WriteOff) -> str:
        return money(row.amount)

    @admin.display(description="per VAT category")
    def by_category(self, row: WriteOff) -> str:
        return ", ".join(
            f"{part['category']}: {in_words(part['net'], row.currency)} and VAT {in_words(part['tax'], row.currency)}"
            for part in row.categories
        )

    def has_any_money_permission(self, request: HttpRequest) -> bool:
        return self.has_money_permission(request)

    @action(description="Write off", url_path="give-up", permissions=["any_money"], icon="money_off")
    def give_up(self, request: HttpRequest) -> HttpResponse:
        documents = operated_rows(request, documents_to_give_up().select_related("customer"))

        class WriteOffForm(ReasonForm):
            document = FoundField(
                documents,
                key=WriteOff._meta.get_field("invoice"),
                in_words=with_open_amount,
                help_text="Type its number or the customer’s name.",
            )
            field_order = ("document", "reason")

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            row = write_off(
                invoice_id=cleaned["document"].pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now()
            )
            self.message_user(request, f"{money(row.amount)} of {row.invoice} are given up.")
            return HttpResponseRedirect(reverse("admin:payments_writeoff_change", args=[row.pk]))

        return self.act(
            request,
            obj=None,
            title="Write off what will not be paid",
            text="All that is open is posted as bad debt, its VAT is corrected, and nobody is asked for it any more. "
            "Money that comes after all is booked as recovered.",
            submit="Write off",
            form_class=WriteOffForm,
            refused=(NotWrittenOff,),
            initial={"document": request.GET.get("document", "")},
            do=do,
        )
