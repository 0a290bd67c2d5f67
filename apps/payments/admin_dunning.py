"""Reminders in the console: what was sent and costs, a pause, one before its day, and a fee that is given up."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from apps.accounts.scope import operated_rows, operator_of
from apps.accounts.tenant_admin import ActForm, ReasonForm
from apps.core import clock
from apps.core.words import amount as in_words
from apps.core.words import money
from apps.documents.downloads import as_download
from apps.documents.selectors import get_document
from apps.payments.admin_bank import MoneyActs
from apps.payments.models import DunningStep
from apps.payments.papers import reminder_key, with_letters
from apps.payments.reminder_fees import open_fees
from apps.payments.reminders import next_steps, remindable
from apps.payments.services.dunning import NotReminded, pause_reminders, remind
from apps.payments.services.fees import NotWaived, waive_fee


class _OverdueField(forms.ModelChoiceField):
    """Names an unpaid invoice with what is open of it and when its next reminder comes."""

    def __init__(self, request: HttpRequest) -> None:
        rows = operated_rows(request, remindable())
        self._steps = next_steps(rows, at=clock.now())
        super().__init__(rows, widget=UnfoldAdminSelectWidget, label="invoice")

    def label_from_instance(self, invoice: Any) -> str:
        step = self._steps[invoice.pk]
        said = f"reminder {step.level} on {step.on}: {step.why}" if step.level else step.why
        return f"{invoice} · {invoice.customer} · {in_words(invoice.open_amount, invoice.currency)} · {said}"


@admin.register(DunningStep)
class DunningStepAdmin(MoneyActs):
    empty_hint = "Unpaid invoices are reminded of by themselves, on the days that their contract says."
    list_display = ("taken_on", "invoice", "level", "days", "open", "cost", "of_fee", "suspends", "decided_by")
    list_filter = ("level", "suspends")
    list_select_related = ("invoice", "decided_by", "waiver")
    search_fields = ("invoice__number", "invoice__customer__name", "invoice__contract__number")
    date_hierarchy = "taken_on"
    fields = (
        ("invoice", "level"),
        ("taken_on", "due_date", "days"),
        ("open", "cost", "of_fee"),
        ("suspends", "is_last"),
        "reason",
        ("decided_by", "taken_at"),
    )
    readonly_fields = ("days", "open", "cost", "of_fee")
    actions_list = ("send_now", "pause")
    actions_detail = ("letter", "waive")

    def has_any_money_permission(self, request: HttpRequest) -> bool:
        return self.has_money_permission(request)

    @admin.display(description="days overdue")
    def days(self, step: DunningStep) -> int:
        return step.days_overdue

    @admin.display(description="open then", ordering="open_amount")
    def open(self, step: DunningStep) -> str:
        return money(step.open_amount)

    @admin.display(description="fee", ordering="fee")
    def cost(self, step: DunningStep) -> str:
        return money(step.fee) if step.fee.amount else "none"

    @admin.display(description="of the fee")
    def of_fee(self, step: DunningStep) -> str:
        if not step.fee.amount:
            return "–"
        waiver = getattr(step, "waiver", None)
        if waiver is not None:
            return f"given up: {waiver.reason}"
        left = open_fees(pk=step.pk).first()
        return "paid" if left is None else f"{in_words(left.open_fee, step.currency)} open"

    def has_letter_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Offer the letter once it is printed."""
        if object_id is None or not self.has_view_permission(request):
            return False
        steps = with_letters(DunningStep.objects.filter(pk=object_id))
        return bool(steps.filter(letter_file__isnull=False).exists())

    @action(description="Letter (PDF)", url_path="letter", permissions=["letter"], icon="description")
    def letter(self, request: HttpRequest, object_id: str) -> HttpResponse:
        step = self.get_object_or_404(request, object_id)
        file = get_document(seller_id=step.invoice.seller_id, key=reminder_key(step.pk))
        if file is None:
            raise Http404("not printed yet")
        return as_download(file)

    @action(description="Send a reminder now", url_path="send-now", permissions=["any_money"], icon="outgoing_mail")
    def send_now(self, request: HttpRequest) -> HttpResponse:
        class ReminderForm(ActForm):
            invoice = _OverdueField(request)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            step = remind(invoice_id=cleaned["invoice"].pk, at=clock.now(), by=operator_of(request))
            assert step is not None, "a person is refused or heard"
            self.message_user(request, f"{step} is sent.")
            return HttpResponseRedirect(reverse("admin:payments_dunningstep_change", args=[step.pk]))

        return self.act(
            request,
            obj=None,
            title="Send the next reminder before its day",
            text="It is written at once, with its fee; if the contract says so, its cards are blocked with it.",
            submit="Send",
            form_class=ReminderForm,
            refused=(NotReminded,),
            do=do,
        )

    @action(description="Pause reminders", url_path="pause", permissions=["any_money"], icon="pause_circle")
    def pause(self, request: HttpRequest) -> HttpResponse:
        class PauseForm(ReasonForm):
            invoice = _OverdueField(request)
            until = forms.DateField(
                widget=UnfoldAdminSingleDateWidget,
                help_text="No reminder before this day. A day that is past ends a pause.",
            )
            field_order = ("invoice", "until", "reason")

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            row = pause_reminders(
                invoice_id=cleaned["invoice"].pk,
                until=cleaned["until"],
                reason=cleaned["reason"],
                by=operator_of(request),
                at=clock.now(),
            )
            self.message_user(request, f"{row}.")
            return HttpResponseRedirect(reverse("admin:payments_dunningstep_changelist"))

        return self.act(
            request,
            obj=None,
            title="Send no reminder of an invoice for a while",
            text="For what was promised, or is talked about. It stays due, and what is blocked stays blocked.",
            submit="Pause",
            form_class=PauseForm,
            refused=(NotReminded,),
            do=do,
        )

    @action(description="Give up the fee", url_path="waive", permissions=["money"], icon="money_off")
    def waive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        step = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            waive_fee(step_id=step.pk, reason=cleaned["reason"], by=operator_of(request), at=clock.now())
            return f"The fee of {step} is given up."

        return self.act(
            request,
            obj=step,
            title=f"Give up the fee of {step}",
            text=f"{money(step.fee)} are posted back; the reminder itself stays.",
            submit="Give up",
            form_class=ReasonForm,
            refused=(NotWaived,),
            do=do,
        )
