"""Credit a document and give money back: whole, an amount, or by line; shown first as it will come out, then done.

Whoever helps drivers and moves no money asks for it the same way, and somebody who does confirms it.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import MONEY_ROLES, SUPPORT_ROLES
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.core import clock
from apps.core.domain.money import minor_unit
from apps.core.words import amount as in_words
from apps.invoices.domain.credits import spread
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.errors import DocumentRefused, NotCreditable
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import Creditable, creditable_lines, preview_credit
from apps.payments.domain.status import RefundStatus
from apps.payments.models import Refund
from apps.payments.selectors import payment_state, to_give_back
from apps.payments.services.refund_requests import request_refund
from apps.payments.services.refunds import NeedsSecondPerson, NotRefundable, refund_document

WHOLE: Final = "whole"
AMOUNT: Final = "amount"
LINES: Final = "lines"
MOST_LINES: Final = 100
"""A longer document is credited whole or by an amount here: nobody reads a form of a thousand fields."""


class RefundForm(forms.Form):
    """How much, of what, and why; amounts as the document states its lines.

    seen_left  what was left when the page was shown, so that a second click is no second refund
    """

    how_much = forms.ChoiceField(initial=WHOLE, widget=UnfoldAdminRadioSelectWidget)
    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="It is printed on the credit note and stands in the books for ever, with your name.",
    )
    seen_left = forms.DecimalField(widget=forms.HiddenInput)

    def __init__(self, data: Any, *, invoice: Invoice, lines: Sequence[Creditable]) -> None:
        self.lines = lines
        self.left = sum((each.left.stated for each in lines), start=Decimal(0))
        self.currency = invoice.currency
        super().__init__(data, initial={"seen_left": self.left})
        stated = "gross" if invoice.amounts_are_gross else "net"
        with_cost = [each for each in lines if each.most]
        asked = with_cost if len(with_cost) <= MOST_LINES else []
        how_much: Any = self.fields["how_much"]
        how_much.choices = [
            (WHOLE, "All that is left"),
            (AMOUNT, "An amount"),
            *([(LINES, "By line")] if asked else []),
        ]
        at_most = sum((each.most for each in lines), start=Decimal(0))
        self.fields["amount"] = self._amount_field(f"Amount ({stated})", most=at_most)
        for each in asked:
            most = in_words(each.most, self.currency)
            label = f"Line {each.line.position}: {each.line.text or each.line.place} ({stated}, at most {most})"
            field = self.fields[self.name_of(each)] = self._amount_field(label, most=each.most)
            if each.most < each.left.stated:
                says = in_words(each.left.stated, self.currency)
                field.help_text = f"The line says {says}; the plan took off the rest of it."
        self.order_fields(["how_much", "amount", *(self.name_of(each) for each in asked), "reason"])

    def _amount_field(self, label: str, *, most: Decimal) -> forms.DecimalField:
        return forms.DecimalField(
            label=label,
            required=False,
            min_value=Decimal(0),
            max_value=most,
            max_digits=20,
            decimal_places=minor_unit(self.currency),
            widget=UnfoldAdminTextInputWidget,
        )

    @staticmethod
    def name_of(each: Creditable) -> str:
        return f"line_{each.line.pk}"

    def amounts(self) -> dict[int, Decimal] | None:
        """Return how much of each line is wanted; None: all that is left."""
        cleaned = self.cleaned_data
        if cleaned["how_much"] == WHOLE:
            return None
        if cleaned["how_much"] == LINES:
            return {each.line.pk: cleaned.get(self.name_of(each)) or Decimal(0) for each in self.lines}
        shares = spread(cleaned["amount"] or Decimal(0), [each.most for each in self.lines], currency=self.currency)
        return {each.line.pk: share for each, share in zip(self.lines, shares, strict=True)}


@require_http_methods(["GET", "POST"])
def refund(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Show what giving all back comes to and do that at once; or ask how much, show that, and do it when confirmed."""
    if not has_role(request, SUPPORT_ROLES):
        raise PermissionDenied
    documents = Invoice.objects.filter(status=InvoiceStatus.ISSUED).exclude(kind=Invoice.Kind.CREDIT_NOTE)
    invoice = get_object_or_404(operated_rows(request, documents), uid=uid)
    lines = creditable_lines(invoice)
    form = RefundForm(_asked_for(request), invoice=invoice, lines=lines)
    preview = None
    if request.method == "POST" and form.is_valid():
        try:
            if "confirmed" in request.POST:
                return _done(request, invoice, form)
            preview = _preview(invoice, amounts=form.amounts(), is_left=bool(form.lines))
        except NeedsSecondPerson as needed:
            return _asked(
                request, invoice, form, amount=needed.amount, why="It is more than one person gives back alone"
            )
        except (NotRefundable, DocumentRefused) as refusal:
            form.add_error(None, str(refusal))
    context = {
        **admin.site.each_context(request),
        "title": f"Credit and refund {invoice}",
        "invoice": invoice,
        "state": payment_state(invoice),
        "left": form.left,
        "owed_back": to_give_back(invoice),
        "form": form,
        "preview": preview,
        "whole": _whole(invoice, form),
        "is_asking": not has_role(request, MONEY_ROLES),
        "back": _page_of(invoice),
    }
    return TemplateResponse(request, "console/refund.html", context)


def _asked_for(request: HttpRequest) -> Any:
    """Return what was sent; beside the button that gives all back, no amount counts that was typed before."""
    if request.method != "POST":
        return None
    if request.POST.get("confirmed") != WHOLE:
        return request.POST
    return {"how_much": WHOLE, **{name: request.POST.get(name, "") for name in ("reason", "seen_left")}}


def _whole(invoice: Invoice, form: RefundForm) -> dict[str, Any] | None:
    """Say what giving back all that is left comes to; None: nothing is left."""
    try:
        return _preview(invoice, amounts=None, is_left=bool(form.lines))
    except DocumentRefused:
        return None


def _preview(invoice: Invoice, *, amounts: dict[int, Decimal] | None, is_left: bool) -> dict[str, Any]:
    """Say what a credit note would come to and what would go back for it.

    amounts  as of ``RefundForm.amounts`` · is_left  whether anything of it is not credited yet
    :raises NotCreditable: nothing is left, or not so much
    """
    credit = None if amounts is None and not is_left else preview_credit(invoice, amounts)
    back = to_give_back(invoice, credited=credit.gross if credit else Decimal(0))
    if credit is None and not back:
        raise NotCreditable("Nothing is left of it.")
    return {"credit": credit, "back": back}


def _done(request: HttpRequest, invoice: Invoice, form: RefundForm) -> HttpResponse:
    """Give it back, or ask for it where the person moves no money."""
    if not has_role(request, MONEY_ROLES):
        back = _preview(invoice, amounts=form.amounts(), is_left=bool(form.lines))["back"]
        if not back:
            raise NotRefundable("No money would go back. Whoever moves money can write a credit note alone.")
        return _asked(request, invoice, form, amount=back, why="You move no money")
    refunds = refund_document(
        document_id=invoice.pk,
        amounts=form.amounts(),
        seen_left=form.cleaned_data["seen_left"],
        reason=form.cleaned_data["reason"],
        by=operator_of(request),
        at=clock.now(),
    )
    note = invoice.credit_notes.latest("pk")
    messages.success(request, f"Credit note {note.number} over {in_words(-note.gross.amount, note.currency)}.")
    for refund in refunds:
        messages.add_message(request, *_outcome(refund))
    if not refunds:
        messages.info(request, "No money goes back by card.")
    return redirect(_page_of(invoice))


def _asked(request: HttpRequest, invoice: Invoice, form: RefundForm, *, amount: Decimal, why: str) -> HttpResponse:
    """Let what one person may not give back alone wait for another."""
    try:
        waiting = request_refund(
            document_id=invoice.pk,
            amounts=form.amounts(),
            seen_left=form.cleaned_data["seen_left"],
            amount=amount,
            reason=form.cleaned_data["reason"],
            by=operator_of(request),
            at=clock.now(),
        )
    except NotRefundable as refusal:
        messages.error(request, str(refusal))
        return redirect(_page_of(invoice))
    said = in_words(amount, invoice.currency)
    messages.info(request, f"{said} are asked for. {why}. Somebody else has to confirm it here.")
    return redirect("admin:payments_refundrequest_change", waiting.pk)


def _outcome(refund: Refund) -> tuple[int, str]:
    amount = in_words(refund.amount.amount, refund.currency)
    if refund.status == RefundStatus.FAILED:
        return messages.ERROR, f"{amount} could not be given back: {refund.failure_message}."
    under_way = "" if refund.status == RefundStatus.SUCCEEDED else " It is under way."
    return messages.SUCCESS, f"{amount} go back to the card it was paid with.{under_way}"


def _page_of(invoice: Invoice) -> str:
    return reverse("admin:invoices_invoice_change", args=[invoice.pk])
