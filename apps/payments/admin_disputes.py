"""Disputes in the console: what the bank took and until when it listens, our answer to edit and to send once."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.accounts.domain.roles import MONEY_ROLES
from apps.accounts.scope import has_role, operator_of
from apps.accounts.tenant_admin import ActForm, TenantAdmin
from apps.core import clock
from apps.core.words import duration, money
from apps.payments.domain.evidence import EVIDENCE_FIELDS, LONGEST
from apps.payments.models import Dispute
from apps.payments.services.answering import NotAnswerable, edit_evidence, submit_evidence

DISPUTE_LABELS: Final = {
    "needs response": "danger",
    "warning needs response": "warning",
    "under review": "info",
    "won": "success",
    "lost": "danger",
}
FIELD_NAMES: Final = {
    "customer_name": "Customer",
    "customer_email_address": "Customer's e-mail",
    "service_date": "Day of the service",
    "product_description": "What was sold",
    "access_activity_log": "What happened at the station",
    "uncategorized_text": "Why the charge is right",
}


class EvidenceForm(ActForm):
    """A text per field of the bank's form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in EVIDENCE_FIELDS:
            rows = 10 if name in ("access_activity_log", "uncategorized_text") else 2
            self.fields[name] = forms.CharField(
                label=FIELD_NAMES[name],
                required=False,
                max_length=LONGEST,
                widget=UnfoldAdminTextareaWidget(attrs={"rows": rows}),
            )


@admin.register(Dispute)
class DisputeAdmin(TenantAdmin):
    empty_hint = (
        "When a customer asks their bank for the money of a payment back, the dispute appears here, with what we know "
        "of the charge written down for the bank and the day until which it can be sent."
    )
    list_display = ("opened_at", "payment", "disputed", "why", "state", "answer_by", "answered")
    list_filter = ("status",)
    list_select_related = ("payment__invoice", "payment__attempt__receipt")
    search_fields = ("stripe_id", "payment__stripe_id", "payment__invoice__number", "payment__attempt__receipt__number")
    date_hierarchy = "opened_at"
    fields = (
        ("payment", "document"),
        ("disputed", "why", "state"),
        ("answer_by", "answered"),
        "answer",
        ("opened_at", "closed_at", "synced_at"),
        "stripe_id",
    )
    readonly_fields = ("document", "disputed", "why", "state", "answer_by", "answered", "answer")
    actions_detail = ("edit", "submit")

    @display(description="status", label=DISPUTE_LABELS, ordering="status")
    def state(self, dispute: Dispute) -> str:
        return str(dispute.get_status_display())

    @admin.display(description="disputed", ordering="amount")
    def disputed(self, dispute: Dispute) -> str:
        return money(dispute.amount)

    @admin.display(description="the customer says", ordering="reason")
    def why(self, dispute: Dispute) -> str:
        return dispute.reason.replace("_", " ")

    @admin.display(description="answer by", ordering="due_by")
    def answer_by(self, dispute: Dispute) -> str:
        if not dispute.is_answerable or dispute.due_by is None:
            return "–"
        left = dispute.due_by - clock.now()
        days = f"{left.days} days left" if left.days > 1 else f"{duration(left)} left"
        return f"{dispute.due_by:%Y-%m-%d %H:%M} UTC, {days if left.total_seconds() > 0 else 'passed'}"

    @admin.display(description="our answer")
    def answered(self, dispute: Dispute) -> str:
        if dispute.submitted_at is not None:
            return f"sent {dispute.submitted_at:%Y-%m-%d %H:%M} UTC"
        if not dispute.is_answerable:
            return "none was sent"
        return "ready to be sent" if dispute.evidence else "being put together"

    @admin.display(description="document")
    def document(self, dispute: Dispute) -> str:
        payment = dispute.payment
        document = payment.invoice or (payment.attempt.receipt if payment.attempt else None)
        if document is None:
            return "–"
        page = reverse("console:invoice", args=[document.uid])
        return format_html('<a class="wl-link" href="{}">{}</a>', page, document)

    @admin.display(description="what the bank is told")
    def answer(self, dispute: Dispute) -> str:
        told = ((FIELD_NAMES[name], dispute.evidence[name]) for name in EVIDENCE_FIELDS if name in dispute.evidence)
        rows = format_html_join("", '<h3>{}</h3><p class="wl-told">{}</p>', told)
        return format_html('<div class="wl-evidence">{}</div>', rows) if rows else "Nothing yet."

    def has_answer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, MONEY_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        dispute = self.get_object(request, object_id)
        is_open = dispute is not None and dispute.is_answerable
        return super().get_actions_detail(request, object_id) if is_open else []

    @action(description="Edit the answer", url_path="edit", permissions=["answer"], icon="edit")
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        dispute = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            edit_evidence(dispute_id=dispute.pk, texts=cleaned, by=operator_of(request), at=clock.now())
            return "Kept. Nothing has gone to the bank yet."

        return self.act(
            request,
            obj=dispute,
            title=f"The answer to {dispute}",
            text=f"What the bank is told about {money(dispute.amount)} ({self.why(dispute)}). English is understood "
            "by banks everywhere. A field left empty is not sent.",
            submit="Keep",
            form_class=EvidenceForm,
            refused=(NotAnswerable,),
            initial=dispute.evidence,
            do=do,
        )

    @action(description="Send to the bank", url_path="submit", permissions=["answer"], icon="send")
    def submit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        dispute = self.get_object_or_404(request, object_id)

        def do(_: dict[str, Any]) -> str:
            sent = submit_evidence(dispute_id=dispute.pk, at=clock.now())
            return "The bank has our answer." if sent.submitted_at else "It is on its way to the bank."

        return self.act(
            request,
            obj=dispute,
            title=f"Send the answer to {dispute}",
            text="The bank takes one answer only, and nothing can be added afterwards. It decides within 75 days.",
            submit="Send",
            refused=(NotAnswerable,),
            do=do,
        )
