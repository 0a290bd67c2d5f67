"""After the charge, on the driver's pages: pay what is open, get the document by mail, made out to a company."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.adhoc.forms import CompanyForm, MailForm
from apps.adhoc.limits import limited
from apps.adhoc.pages import charge_page
from apps.adhoc.selectors import document_of
from apps.adhoc.services.receipts import TooManyMails, invoice_for_company, mail_document
from apps.core import clock
from apps.documents.downloads import as_download
from apps.invoices.errors import DocumentRefused, NotReplaceable
from apps.invoices.models import Invoice
from apps.invoices.selectors import get_file
from apps.payments.models import PaymentAttempt
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.links import NotPayable
from apps.payments.services.operations import WrongMode
from apps.payments.services.paying import open_pay_page


@never_cache
@limited("pay", per_minute=20)
@require_POST
@charge_page
def pay(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Lead to the page on which what is open of the charge is paid."""
    page = request.build_absolute_uri(reverse("adhoc:progress", args=[attempt.token]))
    try:
        url = open_pay_page(
            document_id=_document(attempt).pk,
            success_url=request.build_absolute_uri(reverse("adhoc:return", args=[attempt.token])),
            cancel_url=page,
            at=clock.now(),
        )
    except NotPayable:
        # Paid meanwhile, or about to be: the charge's own page says which.
        return redirect("adhoc:progress", attempt.token)
    except (CheckoutUnavailable, WrongMode):
        return render(request, "adhoc/pay_later.html", {"attempt": attempt}, status=503)
    # The address came from Stripe over its API, never from the request.
    return HttpResponseRedirect(url)


@never_cache
@limited("mail", per_minute=6)
@require_POST
@charge_page
def mail(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Send the charge's document to an address."""
    form = MailForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This is no e-mail address."))
    else:
        try:
            mail_document(
                attempt_id=attempt.pk,
                document_id=_document(attempt).pk,
                address=form.cleaned_data["email"],
                at=clock.now(),
            )
        except TooManyMails:
            messages.error(request, _("It was sent to several addresses already. Please save it instead."))
        else:
            messages.success(request, _("It is on its way to you."))
    return redirect("adhoc:receipt", attempt.token)


@never_cache
@limited("company", per_minute=20)
@require_http_methods(["GET", "POST"])
@charge_page
def company(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Ask to whom a full invoice goes, and make it; once."""
    document = _document(attempt)
    if document.kind != Invoice.Kind.RECEIPT:
        return redirect("adhoc:receipt", attempt.token)
    country = attempt.evse.station.location.country.code
    form = CompanyForm(request.POST if request.method == "POST" else None, initial={"country": country})
    if request.method == "POST" and form.is_valid():
        try:
            invoice_for_company(
                attempt_id=attempt.pk, buyer=form.buyer(), address=form.cleaned_data.get("email", ""), at=clock.now()
            )
        except NotReplaceable as refusal:
            form.add_error(None, _(str(refusal)))
        except DocumentRefused:
            form.add_error(None, _("The invoice cannot be made just now. Please ask the operator."))
        else:
            return redirect("adhoc:receipt", attempt.token)
    context = {"attempt": attempt, "receipt": document, "form": form}
    return render(request, "adhoc/company.html", context, status=422 if form.errors else 200)


@never_cache
@limited("receipt", per_minute=60)
@require_GET
@charge_page
def invoice(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Send the file of the invoice to the driver's company; 404 without one, and while it is being made."""
    document = _document(attempt)
    file = get_file(document) if document.kind == Invoice.Kind.INVOICE else None
    if file is None:
        raise Http404("no invoice, or not rendered yet")
    return as_download(file)


def _document(attempt: PaymentAttempt) -> Invoice:
    document = document_of(attempt)
    if document is None:
        raise Http404("no receipt yet")
    return document
