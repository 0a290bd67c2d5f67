"""The customer's prepaid wallets: what is left, every movement, and the way to Stripe's page to top up."""

from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.core import clock
from apps.core.domain.money import NotRounded, to_minor
from apps.core.words import amount as in_words
from apps.documents import renderer
from apps.documents.downloads import as_download
from apps.documents.models import Document
from apps.payments.models import Wallet
from apps.payments.papers import receipt_key, with_receipts
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.operations import WrongMode
from apps.payments.services.projection import StripeUnreachable
from apps.payments.services.top_ups import AmountNotOffered, NotToppedUp, open_top_up_page, sync_top_ups
from apps.payments.wallet_statements import months_of, statement_html, statement_of
from apps.payments.wallets import disputed_in, is_topped_up, limit_of, movements_shown, offer_of
from apps.portal import selectors
from apps.portal.access import customer_page, is_administrator
from apps.portal.pages import PAGE_SIZE, page_for


@never_cache
@require_GET
@customer_page
def wallet(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Show what is left, what running sessions have reserved, and every movement with what it is of."""
    found = _wallet_of(membership, uid)
    if "paid" in request.GET:
        # Whoever comes back from the page has paid, or not: look at once; webhook and sweep would find the same.
        with suppress(StripeUnreachable, WrongMode):
            sync_top_ups(wallet_id=found.pk, at=clock.now())
        return redirect("portal:wallet", uid=found.uid)
    movements = (
        with_receipts(movements_shown(found))
        .select_related("cdr__session__station__location", "invoice")
        .order_by("-pk")
    )
    context = {
        "wallet": found,
        "limit": limit_of(found),
        "disputed": disputed_in(found),
        "offer": offer_of(found),
        "is_waiting": is_topped_up(found),
        "may_pay": is_administrator(membership),
        "months": months_of(found, zone=selectors.zone_of(membership))[:24],
        "page": Paginator(movements, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return page_for(request, "portal/wallet.html", membership, **context)


@require_GET
@customer_page
def statement(request: HttpRequest, uid: UUID, year: int, month: int, *, membership: Membership) -> HttpResponse:
    """Send the statement of a local month in which the wallet moved."""
    found = _wallet_of(membership, uid)
    zone = selectors.zone_of(membership)
    asked = next((day for day in months_of(found, zone=zone) if (day.year, day.month) == (year, month)), None)
    if asked is None:
        raise Http404("nothing moved in that month")
    sheet = renderer.render(statement_html(statement_of(found, month=asked, zone=zone), zone=zone))
    response = HttpResponse(sheet.content, content_type=sheet.media_type)
    name = f"prepaid-{found.contract.number}-{asked:%Y-%m}{sheet.extension}"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
@customer_page
def receipt(request: HttpRequest, uid: UUID, movement_id: int, *, membership: Membership) -> HttpResponse:
    """Send the receipt of a top-up; 404 while it is being printed, and of a taxed one, which has an invoice."""
    found = _wallet_of(membership, uid)
    if not found.movements.filter(pk=movement_id).exists():
        raise Http404("no such movement")
    kept = Document.objects.filter(seller=found.contract.seller_id, key=receipt_key(movement_id))
    files = bought_rows(membership, kept)
    file: Document | None = files.first()
    if file is None:
        raise Http404("no receipt")
    return as_download(file)


@require_POST
@customer_page
def top_up(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Lead to the hosted page on which the wallet is topped up by an amount offered, or another that was typed."""
    if not is_administrator(membership):
        raise PermissionDenied
    found = _wallet_of(membership, uid)
    back = request.build_absolute_uri(reverse("portal:wallet", args=[found.uid]))
    amount = _amount(request, found)
    if amount is None:
        messages.error(request, _("Please enter an amount such as 40 or 40.50."))
        return redirect("portal:wallet", uid=found.uid)
    try:
        url = open_top_up_page(
            wallet_id=found.pk, amount=amount, success_url=f"{back}?paid=1", cancel_url=back, at=clock.now()
        )
    except AmountNotOffered as refusal:
        least, most = (in_words(one, found.currency) for one in (refusal.least, refusal.most))
        messages.error(request, _("A top-up is between %(least)s and %(most)s.") % {"least": least, "most": most})
    except NotToppedUp:
        messages.info(request, _("This wallet cannot be topped up just now. Please try again in a minute."))
    except (CheckoutUnavailable, WrongMode):
        messages.error(request, _("The payment page cannot be opened just now. Please try again in a minute."))
    else:
        # The address came from Stripe over its API, never from the request.
        return HttpResponseRedirect(url)
    return redirect("portal:wallet", uid=found.uid)


def _wallet_of(membership: Membership, uid: UUID) -> Any:
    found: Wallet | None = selectors.wallets_of(membership).filter(uid=uid).first()
    if found is None:
        raise Http404("no such wallet")
    return found


def _amount(request: HttpRequest, found: Wallet) -> Decimal | None:
    """Read the amount of a button, or one that was typed with either decimal mark; None: it is none."""
    typed = request.POST.get("other", "").strip() or request.POST.get("amount", "")
    try:
        amount = Decimal(typed.replace(",", "."))
        to_minor(amount, currency=found.currency)
    except (InvalidOperation, NotRounded, ValueError, OverflowError):
        return None
    return amount
