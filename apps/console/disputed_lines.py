"""The queue of lines that customers dispute, and a page for each: what the line rests on, and the answer."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import MONEY_ROLES, OPERATOR_ROLES
from apps.accounts.scope import has_role, operated_rows, operator_of
from apps.core import clock
from apps.core.domain.money import minor_unit, round_half_up
from apps.core.domain.zones import zone
from apps.core.words import money
from apps.invoices.disputed import LineStanding, open_disputes, standings_of_lines
from apps.invoices.domain.line_disputes import is_pressing
from apps.invoices.errors import DocumentRefused
from apps.invoices.models import LineDispute
from apps.invoices.services.crediting import creditable_lines
from apps.invoices.services.disputing import answer_with_reason
from apps.payments.selectors import payment_state
from apps.payments.services.line_disputes import credit_disputed_line
from apps.payments.services.refunds import NotRefundable
from apps.sessions.explanation import explain_cdr
from apps.sessions.transparency import signed_values
from apps.tariffs.domain.price_text import price_text

PER_PAGE: Final = 25
CREDIT: Final = "credit"
REASON: Final = "reason"
_LOOKED_AT: Final = (
    "line__invoice__seller",
    "line__invoice__customer",
    "line__cdr__session",
    "line__cdr__tariff_version__tariff",
    "opened_by",
    "credit_note",
)


class AnswerForm(forms.Form):
    """A credit of so much, or a reason; amounts as the document states its lines."""

    decision = forms.ChoiceField(
        label="Answer",
        choices=[(CREDIT, "Credit it"), (REASON, "It stays as it is")],
        widget=UnfoldAdminRadioSelectWidget,
    )
    answer = forms.CharField(
        label="What the customer reads",
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text="Mailed and kept for ever, with your name. The beginning is printed on the credit note.",
    )

    def __init__(self, data: Any, *, standing: LineStanding) -> None:
        super().__init__(data)
        creditable = {each.line.pk: each.most for each in creditable_lines(standing.line.invoice)}
        most = creditable.get(standing.line.pk, Decimal(0))
        stated = "gross" if standing.line.invoice.amounts_are_gross else "net"
        self.fields["amount"] = forms.DecimalField(
            label=f"Amount ({stated})",
            initial=round_half_up(most, currency=standing.line.currency),
            required=False,
            min_value=Decimal(0),
            max_value=most,
            max_digits=20,
            decimal_places=minor_unit(standing.line.currency),
            widget=UnfoldAdminTextInputWidget,
            help_text=f"At most {most.normalize():f}: what is left of what the line cost. Counts for a credit only.",
        )
        self.order_fields(["decision", "amount", "answer"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("decision") == CREDIT and not cleaned.get("amount") and "amount" not in self.errors:
            self.add_error("amount", "Say how much is credited.")
        return cleaned


@require_GET
def disputed_lines(request: HttpRequest) -> HttpResponse:
    """List the disputes: those without an answer, the most pressing first; ``?all=1`` all, the newest first."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    shows_all = request.GET.get("all") == "1"
    rows = operated_rows(request, LineDispute.objects.order_by("-pk") if shows_all else open_disputes())
    page = Paginator(rows.select_related(*_LOOKED_AT), PER_PAGE).get_page(request.GET.get("page"))
    return _page(
        request,
        "console/disputed_lines.html",
        title="Disputed lines",
        page=page,
        rows=[(dispute, _is_pressing(dispute)) for dispute in page],
        shows_all=shows_all,
    )


@require_http_methods(["GET", "POST"])
def disputed_line(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Show a disputed line beside all that it rests on; a POST answers it."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    found = operated_rows(request, LineDispute.objects.select_related(*_LOOKED_AT)).filter(uid=uid).first()
    if found is None:
        raise Http404("no such dispute")
    standing = standings_of_lines([found.line])[found.line_id]
    may_answer = has_role(request, MONEY_ROLES) and found.is_open
    if request.method == "POST" and not may_answer:
        if not has_role(request, MONEY_ROLES):
            raise PermissionDenied
        messages.error(request, "It was answered or withdrawn meanwhile. This is how it ended.")
        return redirect("console:disputed-line", found.uid)
    form = AnswerForm(request.POST if request.method == "POST" else None, standing=standing)
    if request.method == "POST" and form.is_valid():
        try:
            _answer(request, found, form.cleaned_data)
            return redirect("console:disputed-lines")
        except (DocumentRefused, NotRefundable) as refusal:
            form.add_error(None, str(refusal))
    return _page(
        request,
        "console/disputed_line.html",
        title=f"{found.line.invoice}, line {found.line.position}",
        dispute=found,
        line=found.line,
        invoice=found.line.invoice,
        standing=standing,
        state=payment_state(found.line.invoice),
        is_pressing=_is_pressing(found),
        form=form if may_answer else None,
        **_rests_on(found),
    )


def _answer(request: HttpRequest, dispute: LineDispute, answer: dict[str, Any]) -> None:
    by, at = operator_of(request), clock.now()
    if answer["decision"] == REASON:
        answer_with_reason(dispute_id=dispute.pk, answer=answer["answer"], at=at, by=by)
        messages.success(request, "Answered. The customer is told by mail; the line is owed as before.")
        return
    answered, refunds = credit_disputed_line(
        dispute_id=dispute.pk, amount=answer["amount"], answer=answer["answer"], at=at, by=by
    )
    note = answered.credit_note
    assert note is not None, "a credit has its note"
    messages.success(request, f"Credit note {note.number} over {money(-note.gross)}. The customer is told by mail.")
    for refund in refunds:
        messages.info(request, f"{money(refund.amount)} go back to the card it was paid with.")


def _rests_on(dispute: LineDispute) -> dict[str, Any]:
    """Return what a line was computed from: session, readings, tariff and the meter's signature."""
    record = dispute.line.cdr
    if record is None:
        return {}
    session = record.session
    readings = list(session.readings.order_by("at", "energy_milliwh"))
    return {
        "session": session,
        "readings": readings,
        "explained": explain_cdr(record, readings=readings),
        "signed": signed_values(session.pk),
        "prices": price_text(record.tariff_version.terms(), language="en"),
        "version": record.tariff_version,
    }


def _is_pressing(dispute: LineDispute) -> bool:
    today = clock.now().astimezone(zone(dispute.line.invoice.seller.time_zone)).date()
    return dispute.is_open and is_pressing(dispute.answer_by, today=today)


def _page(request: HttpRequest, template: str, *, title: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
