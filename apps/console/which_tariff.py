"""“Which tariff applies to this card at this connector at this moment, and why?”: what was asked, found and answered.

Cards and connectors are found by what people know of them: a card's last characters, its contract, customer or vehicle;
a station's identity or location. Every read is narrowed to what the acting organisation operates.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Q
from django.http import Http404, HttpRequest

from apps.accounts.scope import operated_rows
from apps.contracts.domain.tokens import TokenVerdict
from apps.contracts.models import Contract, IdToken
from apps.contracts.registrations import registrations_of
from apps.contracts.selectors import find_token
from apps.contracts.services import TariffExplanation, explain_tariff
from apps.core.clock import to_epoch_ms
from apps.core.domain.tax import PRIVATE, NoTaxRate, SellerNotRegistered, SupplyKind, TaxCategory, decide_tax
from apps.core.domain.zones import zone
from apps.stations.models import Evse
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.price_text import PriceText, price_text
from apps.tariffs.domain.rated import RatedSession
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.terms import TariffTerms

SHOWN: Final = 20
"""How many cards or connectors are offered where a search fits several."""

_TYPICAL_MILLIWH: Final = 20_000_000
_HOUR_MS: Final = 3_600_000

NO_CARD: Final = "No card fits. Search by its last characters, its contract, its customer or its vehicle's plate."
NO_CONNECTOR: Final = "No connector fits. Search by the station's identity or the name of its location."
CARD_SAYS: Final = {
    TokenVerdict.VALID: "It may charge.",
    TokenVerdict.BLOCKED: "It may not charge: the card is blocked or its contract suspended.",
    TokenVerdict.EXPIRED: "It may not charge: its contract is not in force at that moment.",
    TokenVerdict.UNKNOWN: "It may not charge: the seller of this station does not know it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to.

    row      the one meant; None: none or several · text  as it is shown
    offers   (row, its name) to choose from, at most ``SHOWN`` · problem  why there is none, and what to do
    """

    row: Any
    text: str
    offers: Sequence[tuple[Any, str]] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What a typical session would cost: 20 kWh without idling, or why that cannot be said."""

    energy_milliwh: int
    duration: timedelta
    rated: RatedSession | None
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The explanation and what follows from it.

    card_says  whether the card may charge at all; "" where nobody is known · discount  percent; "" for none
    price, example  None: no tariff applies
    """

    explanation: TariffExplanation
    card_says: str
    may_charge: bool
    discount: str
    price: PriceText | None
    example: Example | None


def find_card(request: HttpRequest, *, pk: str, contract: str, text: str) -> Found:
    """Find the card: by row, by its contract's first good card, or by words, all of which must fit.

    :raises Http404: no such row among those the organisation operates
    """
    cards = operated_rows(request, IdToken.objects.exclude(status=IdToken.Status.RETIRED))
    cards = cards.select_related("contract__customer", "contract__tier", "vehicle").order_by("contract__number", "pk")
    if pk:
        return _known(cards, pk, what="card", label=card_label)
    if contract:
        return _first_card(request, cards, contract)
    for word in _words(text):
        cards = cards.filter(
            Q(uid__iendswith=word)
            | Q(contract__number__icontains=word)
            | Q(contract__customer__name__icontains=word)
            | Q(vehicle__plate__icontains=word)
        )
    return _searched(cards, text, label=card_label, problem=NO_CARD)


def find_connector(request: HttpRequest, *, pk: str, text: str) -> Found:
    """Find the EVSE: by row, or by words, all of which must fit.

    :raises Http404: no such row among those the organisation operates
    """
    evses = operated_rows(request, Evse.objects.all()).select_related("station__location__owner")
    evses = evses.prefetch_related("connectors").order_by("station__identity", "number")
    if pk:
        return _known(evses, pk, what="connector", label=connector_label)
    for word in _words(text):
        fits = Q(station__identity__icontains=word) | Q(station__location__name__icontains=word)
        evses = evses.filter(fits | Q(number=int(word)) if word.isdecimal() and len(word) < 5 else fits)
    return _searched(evses, text, label=connector_label, problem=NO_CONNECTOR)


def card_label(card: IdToken) -> str:
    """Name a card as people tell cards apart."""
    plate = card.vehicle.plate if card.vehicle is not None else ""
    return " · ".join(filter(None, (str(card), card.contract.number, plate)))


def connector_label(evse: Evse) -> str:
    return f"{evse} · {evse.station.location}"


def answer(*, token: IdToken | None, evse: Evse, at: datetime) -> Answer:
    """Answer the page's question, with the price in words and for a typical session."""
    seller = evse.station.location.owner
    explanation = explain_tariff(token=token, evse=evse, at=at)
    verdict = find_token(seller_id=seller.pk, uid=token.uid, at=at).verdict if token is not None else None
    version, discount = explanation.choice.version, explanation.choice.discount_percent
    max_power_w = max((connector.max_power_w for connector in evse.connectors.all()), default=None)
    local_day = at.astimezone(zone(evse.station.location.time_zone)).date()
    return Answer(
        explanation=explanation,
        card_says=CARD_SAYS[verdict] if verdict is not None else "",
        may_charge=verdict in (None, TokenVerdict.VALID),
        discount=f"{discount.normalize():f}" if discount is not None else "",
        price=price_text(version.terms(), language="en", max_power_w=max_power_w, on=local_day) if version else None,
        example=_example(explanation, evse=evse, at=at, max_power_w=max_power_w) if version else None,
    )


def _known(rows: Any, pk: str, *, what: str, label: Any) -> Found:
    row = rows.filter(pk=_number(pk, what=what)).first()
    if row is None:
        raise Http404(f"no {what} {pk}")
    return Found(row=row, text=label(row))


def _number(text: str, *, what: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise Http404(f"no {what}")
    return int(text)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s·…/]+", text) if word]


def _first_card(request: HttpRequest, cards: Any, pk: str) -> Found:
    """Take a contract's card, an active one before others: which tariff applies is the same for all of them."""
    contracts = operated_rows(request, Contract.objects.all())
    contract = contracts.filter(pk=_number(pk, what="contract")).first()
    if contract is None:
        raise Http404(f"no contract {pk}")
    card = cards.filter(contract=contract).order_by("status", "pk").first()
    if card is None:
        return Found(row=None, text=contract.number, problem=f"The contract {contract.number} has no card yet.")
    return Found(row=card, text=card_label(card))


def _searched(rows: Any, text: str, *, label: Any, problem: str) -> Found:
    """Take the only row that fits, or the only one of that very name; else offer them."""
    if not _words(text):
        return Found(row=None, text="")
    offers = [(row, label(row)) for row in rows[: SHOWN + 1]]
    named = [(row, name) for row, name in offers if text in (name, str(row))]
    if len(offers) == 1 or len(named) == 1:
        row, name = (named or offers)[0]
        return Found(row=row, text=name)
    return Found(row=None, text=text, offers=offers[:SHOWN], problem="" if offers else problem)


def _example(explanation: TariffExplanation, *, evse: Evse, at: datetime, max_power_w: int | None) -> Example:
    """Price 20 kWh, drawn evenly in an hour or as fast as the connector gives them, by the rating engine."""
    version = explanation.choice.version
    assert version is not None, "an example needs a price"
    duration_ms = _HOUR_MS
    if max_power_w is not None:
        duration_ms = max(_HOUR_MS, -(-_TYPICAL_MILLIWH * _HOUR_MS // (max_power_w * 1_000)))
    duration = timedelta(milliseconds=duration_ms)
    try:
        rated = rate_session(
            facts=_typical_facts(evse, start_ms=to_epoch_ms(at), duration_ms=duration_ms),
            terms=version.terms(),
            grant=GrantTerms(discount_percent=explanation.choice.discount_percent),
            tax_rates=_tax_rates(version.terms(), evse=evse, at=at + duration),
        )
    except (SellerNotRegistered, NoTaxRate) as refusal:
        text = str(refusal)
        return Example(energy_milliwh=_TYPICAL_MILLIWH, duration=duration, rated=None, refusal=text)
    return Example(energy_milliwh=_TYPICAL_MILLIWH, duration=duration, rated=rated)


def _typical_facts(evse: Evse, *, start_ms: int, duration_ms: int) -> SessionFacts:
    return SessionFacts(
        started_at_ms=start_ms,
        ended_at_ms=start_ms + duration_ms,
        time_zone=evse.station.location.time_zone,
        register=(
            Reading(at_ms=start_ms, energy_milliwh=0),
            Reading(at_ms=start_ms + duration_ms, energy_milliwh=_TYPICAL_MILLIWH),
        ),
        states=(StateChange(at_ms=start_ms, state=VehicleState.CHARGING),),
    )


def _tax_rates(terms: TariffTerms, *, evse: Evse, at: datetime) -> dict[str, Decimal]:
    location = evse.station.location
    categories = {component.tax_category for element in terms.elements for component in element.price_components}
    return {
        category: decide_tax(
            supply=SupplyKind.GOODS_ELECTRICITY,
            country=location.country.code,
            seller_registrations=registrations_of(location.owner),
            buyer=PRIVATE,
            on=at.astimezone(zone(location.time_zone)).date(),
            category=TaxCategory(category),
        ).rate
        for category in sorted(categories)
    }
