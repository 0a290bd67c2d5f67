"""The driver's pages: a connector's price with its button, one charge from payment to receipt, and its document."""

from contextlib import suppress
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_update
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.adhoc import selectors, services, shown
from apps.adhoc.cables import cable_of
from apps.adhoc.domain.cable import CableWord
from apps.adhoc.domain.progress import MOVING
from apps.adhoc.first_style import FIRST_STYLE, FIRST_STYLE_SOURCE
from apps.adhoc.forms import BuyerForm, MailForm
from apps.adhoc.limits import limited
from apps.adhoc.pages import charge_page
from apps.core import clock
from apps.documents.downloads import as_download
from apps.invoices.disputed import standings_of
from apps.invoices.domain.receipts import Buyer, is_replaceable
from apps.invoices.models import Invoice
from apps.invoices.selectors import get_file
from apps.payments.models import PaymentAttempt
from apps.payments.selectors import owed_now
from apps.payments.services.attempts import CheckoutUnavailable, sync_attempt
from apps.payments.services.operations import WrongMode
from apps.payments.services.paying import sync_links
from apps.payments.services.projection import StripeUnreachable
from apps.sessions import transparency
from apps.sessions.explanation import explain_cdr
from apps.sessions.models import Cdr
from apps.stations.selectors import find_location_of_code
from apps.tariffs.spoken import page_language

POLL_S = 3
RELOAD_S = 5


# The first page is what somebody waits for in a garage. It echoes nothing that another site could choose, so its length
# tells nobody what else is on it (BREACH).
@gzip_page
@never_cache
@csp_update({"style-src": [SELF, FIRST_STYLE_SOURCE]})
@limited("price", per_minute=120)
@limited("pay", per_minute=20, methods=("POST",))
@require_http_methods(["GET", "POST"])
def price(request: HttpRequest, code: str) -> HttpResponse:
    """Show what a connector costs now; a POST pays it, if what the driver saw is still so."""
    offer = selectors.find_offer(code, at=clock.now())
    if offer is None:
        return render(request, "adhoc/unknown_code.html", {"place": find_location_of_code(code)}, status=404)
    if request.method == "GET":
        return _price_page(request, offer)
    seen = shown.read_shown(request.POST.get("shown", ""), code=code)
    if offer.hindrance is not None:
        return _price_page(request, offer, status=409)
    if seen is None or seen.terms != offer.shown():
        return _price_page(request, offer, notice="changed", status=409)
    buyer = BuyerForm(request.POST) if offer.needs_buyer else None
    if buyer is not None and not buyer.is_valid():
        return _price_page(request, offer, buyer=buyer, status=422)
    return _pay(request, offer, page_key=seen.page_key, buyer=buyer.buyer() if buyer else None)


def _price_page(
    request: HttpRequest,
    offer: selectors.Offer,
    *,
    notice: str = "",
    buyer: BuyerForm | None = None,
    status: int = 200,
) -> HttpResponse:
    page_key = shown.page_key_of(request, offer)
    language = page_language()
    context = {
        "offer": offer,
        "notice": notice,
        "shown": shown.sign_shown(offer, page_key=page_key) if offer.hindrance is None else "",
        "own": shown.own_charge(request, offer),
        "told": selectors.tell_prices(offer, language=language, at=clock.now()),
        "note": offer.version.note(language) if offer.version else "",
        "language": language,
        "buyer_form": buyer or (BuyerForm() if offer.needs_buyer else None),
        "first_style": FIRST_STYLE,
    }
    response = render(request, "adhoc/price.html", context, status=status)
    shown.keep_page_key(response, request, offer, page_key)
    return response


def _pay(request: HttpRequest, offer: selectors.Offer, *, page_key: str, buyer: Buyer | None) -> HttpResponse:
    if not selectors.is_still_good(page_key, offer):
        # A page that was paid before, reached by the browser's way back: what became of it is what to show.
        attempt = selectors.attempt_of_page(page_key)
        assert attempt is not None, "without an attempt a page is good"
        return redirect("adhoc:progress", attempt.token)
    try:
        checkout = services.pay(
            offer=offer,
            page_key=page_key,
            buyer=buyer,
            language=page_language(),
            return_to=lambda token: request.build_absolute_uri(reverse("adhoc:return", args=[token])),
            cancel_url=request.build_absolute_uri(),
            at=clock.now(),
        )
    except (CheckoutUnavailable, WrongMode):
        return _price_page(request, offer, notice="unavailable", status=503)
    # The address came from Stripe over its API, never from the request.
    return HttpResponseRedirect(checkout.url) if checkout.url else redirect("adhoc:progress", checkout.attempt.token)


@never_cache
@limited("progress", per_minute=120, by_token=True)
@require_GET
@charge_page
def progress(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Show one charge from payment to receipt; it looks again by itself."""
    return render(request, "adhoc/progress.html", _progress(attempt))


@never_cache
@limited("progress", per_minute=120, by_token=True)
@require_GET
@charge_page
def live(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Return the part of the page that changes, for htmx."""
    return render(request, "adhoc/live.html", _progress(attempt))


def _progress(attempt: PaymentAttempt) -> dict[str, Any]:
    at = clock.now()
    found = selectors.progress_of(attempt, at=at)
    cable = cable_of(attempt, at=at)
    return {
        "progress": found,
        "at": at,
        "attempt": attempt,
        "stage": found.stage.value,
        "live": found.live,
        "cable": cable.value,
        "may_unlock": cable.may_ask,
        "is_moving": found.stage in MOVING or cable == CableWord.ASKED,
        "money": selectors.settled_money(attempt, found.receipt) if found.receipt else None,
        "poll_s": POLL_S,
        "reload_s": RELOAD_S,
    }


@never_cache
@limited("return", per_minute=60)
@require_GET
@charge_page
def returned(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Come back from the hosted page: look at once what became of the card; webhook and sweep find the same."""
    # Without an answer the page says that it is awaited; it comes by the webhook or the next sweep.
    with suppress(StripeUnreachable, WrongMode):
        sync_attempt(attempt_id=attempt.pk, at=clock.now())
        document = selectors.document_of(attempt)
        if document is not None:
            sync_links(document_id=document.pk, at=clock.now())
    return redirect("adhoc:progress", attempt.token)


@never_cache
@limited("stop", per_minute=20)
@require_POST
@charge_page
def stop(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Stop the charge, or give it up before it has begun."""
    services.stop_or_cancel(attempt_id=attempt.pk, at=clock.now())
    return redirect("adhoc:progress", attempt.token)


@never_cache
@limited("unlock", per_minute=6, by_token=True)
@require_POST
@charge_page
def unlock(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Ask for the cable; the page says what became of it, or why it cannot be asked for."""
    services.unlock_cable(attempt_id=attempt.pk, at=clock.now())
    return HttpResponseRedirect(f"{reverse('adhoc:progress', args=[attempt.token])}#cable")


@never_cache
@limited("receipt", per_minute=60)
@require_GET
@charge_page
def receipt(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Show the receipt and why this price: each period, its rule and its readings."""
    found = _receipt_of(attempt)
    document = selectors.document_of(attempt) or found
    record = _record_of(found)
    readings = list(record.session.readings.order_by("at", "energy_milliwh"))
    standings = standings_of(document)
    context = {
        "attempt": attempt,
        "receipt": found,
        "money": selectors.settled_money(attempt, found),
        "taxes": found.taxes.all(),
        "explained": explain_cdr(record, readings=readings, language=page_language()),
        "session": record.session,
        "readings": readings,
        "signed": transparency.signed_values(record.session_id),
        "has_file": get_file(found) is not None,
        "document": document,
        "has_invoice_file": document.pk != found.pk and get_file(document) is not None,
        "is_replaceable": _is_replaceable(found, document),
        "to_pay": owed_now(document),
        "standings": standings,
        "has_open_dispute": any(standing.open_dispute for standing in standings),
        "is_disputable": any(standing.is_disputable for standing in standings),
        "zone": attempt.evse.station.location.time_zone,
        "mail_form": MailForm() if settings.SENDS_MAILS else None,
    }
    return render(request, "adhoc/receipt.html", context)


@never_cache
@limited("receipt", per_minute=60)
@require_GET
@charge_page
def signed_values(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Send the charge's signed meter values for the transparency software; 404 where its station sent none."""
    session = _record_of(_receipt_of(attempt)).session
    values = transparency.signed_values(session.pk)
    if values is None:
        raise Http404("no signed meter values")
    return transparency.container_response(session, values)


@never_cache
@limited("receipt", per_minute=60)
@require_GET
@charge_page
def document(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Send the receipt's file; 404 while it is being made."""
    file = get_file(_receipt_of(attempt))
    if file is None:
        raise Http404("not rendered yet")
    return as_download(file)


def _is_replaceable(receipt: Invoice, document: Invoice) -> bool:
    """Return whether the page offers an invoice to a company; the service decides."""
    assert receipt.issued_at is not None, "a receipt is shown once it is issued"
    is_untouched = document.pk == receipt.pk and not receipt.credit_notes.exists()
    return is_untouched and receipt.gross.amount > 0 and is_replaceable(issued_at=receipt.issued_at, at=clock.now())


def _record_of(receipt: Invoice) -> Cdr:
    """Return the receipt's charge record: its lines are of one, one for each VAT category."""
    record: Cdr = receipt.lines.select_related("cdr__session", "cdr__tariff_version").earliest("position").cdr
    return record


def _receipt_of(attempt: PaymentAttempt) -> Invoice:
    if attempt.receipt is None:
        raise Http404("no receipt yet")
    return attempt.receipt
