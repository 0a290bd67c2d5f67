"""A customer's cards: who and what they are for; added, blocked, reported lost and replaced by its administrators."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.cards import CardRefused, replace_card
from apps.contracts.fleets import FleetRefused, add_card, block_own_card, change_card, last_day_of, unblock_own_card
from apps.contracts.models import Contract, IdToken
from apps.core import clock
from apps.portal.access import administrators_page, customer_page, is_administrator
from apps.portal.card_forms import CardForm, NewCardForm, NumberForm
from apps.portal.history import history_of
from apps.portal.pages import PAGE_SIZE, page_for


@require_GET
@customer_page
def cards(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List the cards, all or blocked or not used any more, found by driver, number, plate or cost centre."""
    status, asked = request.GET.get("status", ""), request.GET.get("q", "").strip()[:100]
    found = cards_of(membership)
    found = found.filter(status=status) if status in IdToken.Status else found.exclude(status=IdToken.Status.RETIRED)
    if asked:
        found = found.filter(
            Q(driver__icontains=asked)
            | Q(uid__icontains=asked.replace(" ", ""))
            | Q(vehicle__plate__icontains=asked)
            | Q(vehicle__label__icontains=asked)
            | Q(cost_centre__code__icontains=asked)
            | Q(cost_centre__name__icontains=asked)
        )
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": Paginator(found.order_by("driver", "uid"), PAGE_SIZE).get_page(request.GET.get("page")),
        "status": status,
        "asked": asked,
        "query": query.urlencode(),
        "contracts": open_contracts(membership).order_by("seller__name", "number"),
        "may_change": is_administrator(membership),
    }
    return page_for(request, "portal/cards.html", membership, **context)


@require_http_methods(["GET", "POST"])
@administrators_page
def add(request: HttpRequest, contract_id: int, *, membership: Membership) -> HttpResponse:
    """Add a card to a contract."""
    contract = open_contracts(membership).filter(pk=contract_id).first()
    if contract is None:
        raise Http404("no such contract")
    form = NewCardForm(request.POST if request.method == "POST" else None, contract=contract)
    if request.method == "POST" and form.is_valid():
        try:
            with history_of(membership) as history:
                card = add_card(contract_id=contract.pk, at=clock.now(), **form.cleaned_data)
                history.added(card)
        except FleetRefused as refusal:
            form.add_error("last_day" if form.cleaned_data["last_day"] else "uid", _(str(refusal)))
        else:
            messages.success(request, _("Card %(card)s is added: it charges from now on.") % {"card": card})
            return redirect("portal:card", card.public_uid)
    return page_for(request, "portal/card_add.html", membership, contract=contract, form=form)


@never_cache
@require_http_methods(["GET", "POST"])
@customer_page
def card(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Show a card; a POST of an administrator changes whom and what it is for."""
    if request.method == "POST":
        return _change(request, uid=uid)
    found = _card_of(membership, uid)
    form = CardForm(initial=_initial(found), contract=found.contract)
    return _card_page(request, membership, found, form, NumberForm())


@administrators_page
def _change(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    found = _card_of(membership, uid)
    form = CardForm(request.POST, initial=_initial(found), contract=found.contract)
    if form.is_valid():
        try:
            with history_of(membership) as history:
                change_card(token_id=found.pk, at=clock.now(), **form.cleaned_data)
                history.changed(found, form)
        except FleetRefused as refusal:
            messages.error(request, _(str(refusal)))
        else:
            messages.success(request, _("Saved. Sessions from now on count so; earlier ones stay as they were."))
            return redirect("portal:card", uid)
    return _card_page(request, membership, found, form, NumberForm())


@require_POST
@administrators_page
def act(request: HttpRequest, uid: UUID, act: str, *, membership: Membership) -> HttpResponse:
    """Block a card, report it lost, or let it charge again."""
    found = _card_of(membership, uid)
    if act not in _ACTS:
        raise Http404("no such act")
    do, done, words = _ACTS[act]
    try:
        with history_of(membership) as history:
            do(found)
            history.did(found, words)
    except FleetRefused as refusal:
        messages.error(request, _(str(refusal)))
    else:
        messages.success(request, done() % {"card": found})
    return redirect("portal:card", uid)


@require_POST
@administrators_page
def replace(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Let another number go on in a card's stead."""
    found = _card_of(membership, uid)
    form = NumberForm(request.POST)
    if not form.is_valid():
        change = CardForm(initial={"driver": found.driver}, contract=found.contract)
        return _card_page(request, membership, found, change, form)
    try:
        with history_of(membership) as history:
            successor = replace_card(token_id=found.pk, uid=form.cleaned_data["uid"])
            history.did(found, f"Replaced by {successor}.")
            history.added(successor)
    except CardRefused:
        # Which contract has the number is another customer's business.
        messages.error(request, _("This number cannot be added. Look whether it is typed right, or ask your seller."))
        return redirect("portal:card", uid)
    messages.success(request, _("Card %(card)s goes on in its stead.") % {"card": successor})
    return redirect("portal:card", successor.public_uid)


# Act → the service, what the page says, what the history says.
_ACTS: dict[str, tuple[Callable[[IdToken], object], Callable[[], str], str]] = {
    "block": (
        lambda card: block_own_card(token_id=card.pk, is_lost=False),
        lambda: _("Card %(card)s is blocked: it starts no charge. What runs goes on."),
        "Blocked.",
    ),
    "lost": (
        lambda card: block_own_card(token_id=card.pk, is_lost=True),
        lambda: _("Card %(card)s is reported lost and blocked. Put a new card in its stead below."),
        "Reported lost and blocked.",
    ),
    "unblock": (
        lambda card: unblock_own_card(token_id=card.pk),
        lambda: _("Card %(card)s charges again."),
        "Unblocked.",
    ),
}


def _initial(card: IdToken) -> dict[str, Any]:
    """Return what a card's form shows before anybody types."""
    return {
        "driver": card.driver,
        "vehicle": card.vehicle_id,
        "cost_centre": card.cost_centre_id,
        "last_day": last_day_of(card),
    }


def _card_page(
    request: HttpRequest, membership: Membership, found: IdToken, form: CardForm, number: NumberForm
) -> HttpResponse:
    context = {
        "card": found,
        "form": form,
        "number": number,
        "may_change": is_administrator(membership) and found.status != IdToken.Status.RETIRED,
        "may_unblock": found.status == IdToken.Status.BLOCKED and found.blocked_as,
        "successor": IdToken.objects.filter(replaces=found).first(),
        "last_day": last_day_of(found),
    }
    return page_for(request, "portal/card.html", membership, **context)


def cards_of(membership: Membership) -> Any:
    """Return the organisation's cards, used or not, whatever the contract."""
    cards = bought_rows(membership, IdToken.objects.all())
    return cards.select_related("contract__seller", "contract__customer", "vehicle", "cost_centre", "replaces")


def _card_of(membership: Membership, uid: UUID) -> IdToken:
    found: IdToken | None = cards_of(membership).filter(public_uid=uid).first()
    if found is None:
        raise Http404("no such card")
    return found


def open_contracts(membership: Membership) -> Any:
    """Return the organisation's contracts to which cards may be added."""
    contracts = bought_rows(membership, Contract.objects.exclude(status=Contract.Status.ENDED))
    return contracts.select_related("seller", "customer")
