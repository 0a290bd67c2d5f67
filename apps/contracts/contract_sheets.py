"""What a contract's document prints: parties, term, terms, price sheet, plan and cards, gathered once and then kept."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast

from django.template.loader import render_to_string
from django.utils import translation

from apps.accounts.models import Organisation
from apps.contracts.domain.contract_terms import fill, paragraphs
from apps.contracts.domain.contract_words import WORDS, ContractWords, say_day, say_term
from apps.contracts.domain.precedence import AT_A_GROUP, Rank
from apps.contracts.domain.renewals import Term
from apps.contracts.domain.versions import VersionKind
from apps.contracts.models import Contract, ContractTemplate, Customer, IdToken, Plan, SiteGroup
from apps.contracts.services import TariffExplanation, TariffQuery, explain_tariffs
from apps.core.domain.zones import zone
from apps.core.words import amount
from apps.stations.models import Evse
from apps.tariffs.domain.price_text import price_text
from apps.tariffs.domain.wording import Language
from apps.tariffs.models import Tariff, TariffVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a version is to say; days are local ones of the seller; end_day: the first without it, None: open.

    plan, tariff   given from the first day on; None: what the contract has stays
    group_tariffs  given at the sites of these groups, before ``tariff``; each group once
    """

    kind: VersionKind
    template: ContractTemplate
    first_day: date
    end_day: date | None
    renews_months: int
    notice_days: int
    plan: Plan | None = None
    tariff: Tariff | None = None
    group_tariffs: tuple[tuple[SiteGroup, Tariff], ...] = ()

    @property
    def term(self) -> Term:
        return Term(end=self.end_day, renews_months=self.renews_months, notice_days=self.notice_days)


def begin_of_day(day: date, seller: Organisation) -> datetime:
    """Return when a local day of the seller begins, UTC."""
    return datetime.combine(day, time(), tzinfo=zone(seller.time_zone)).astimezone(UTC)


def local_day(at: datetime, seller: Organisation) -> date:
    return at.astimezone(zone(seller.time_zone)).date()


def content_of(contract: Contract, wanted: Wanted, *, number: int, at: datetime) -> dict[str, Any]:
    """Return what the document says, as it is kept and printed: strings, in the template's language.

    contract  with seller, customer and tier loaded
    """
    language = wanted.template.language
    words, seller, customer = WORDS[language], contract.seller, contract.customer
    plan = wanted.plan or _plan_of(contract, wanted.first_day)
    last = wanted.end_day - timedelta(days=1) if wanted.end_day else None
    cards = _cards(contract)
    values = {
        "seller": seller.name,
        "seller_address": _address(seller),
        "customer": customer.name,
        "customer_address": _address(customer),
        "customer_number": customer.number,
        "contract": contract.number,
        "first_day": say_day(wanted.first_day, language=language),
        "last_day": say_day(last, language=language) if last else words.until_further_notice,
        "term": say_term(wanted.term, last=last, language=language),
        "notice_days": str(wanted.notice_days),
        "plan": plan.name if plan else "–",
        "payment_days": str(contract.payment_days),
        "cards": str(len(cards)),
    }
    with translation.override(language):
        return {
            "language": language,
            "title": words.title[wanted.kind.value],
            "number": contract.number,
            "version": number,
            "seller": _party(seller),
            "customer": _party(customer) | {"number": customer.number},
            "first_day": values["first_day"],
            "term": values["term"],
            "terms": [
                {"text": one.text, "is_heading": one.is_heading}
                for one in paragraphs(fill(wanted.template.terms, values))
            ],
            "prices_from": words.prices_from.format(day=say_day(local_day(at, seller), language=language)),
            "sites": _price_sheet(contract, wanted, words=words, language=cast("Language", language)),
            "plan": {"name": plan.name, "lines": _plan_lines(plan, words)} if plan else None,
            "cards": cards,
        }


def print_html(content: dict[str, Any]) -> str:
    """Return the document as HTML for print."""
    language = content["language"]
    with translation.override(language):
        return render_to_string("contracts/contract.html", {"content": content, "words": WORDS[language]})


def _address(party: Organisation | Customer) -> str:
    return f"{party.street}, {party.postcode} {party.city}"


def _party(party: Organisation | Customer) -> dict[str, str]:
    return {
        "name": party.name,
        "street": party.street,
        "postcode": party.postcode,
        "city": party.city,
        "country": party.country.code,
        "email": party.email,
    }


def _plan_of(contract: Contract, day: date) -> Plan | None:
    rows = contract.plans.select_related("plan").filter(first_day__lte=day).exclude(end_day__lte=day)
    row = rows.first()
    return row.plan if row else None


def _plan_lines(plan: Plan, words: ContractWords) -> list[str]:
    def said(number: Decimal | None) -> str:
        return amount(number, plan.currency)

    lines = []
    if plan.base_fee:
        fee = words.plan_fee[plan.cycle].format(amount=said(plan.base_fee))
        lines.append(f"{fee}, {words.plan_in_advance}" if plan.in_advance else fee)
    if plan.included_kwh:
        pattern = words.plan_included_each if plan.included_for == "vehicle" else words.plan_included
        lines.append(pattern.format(kwh=f"{plan.included_kwh.normalize():f}"))
    for step in plan.steps.all():
        price = amount(step.price, plan.currency, exact=True)
        if step.up_to is None:
            lines.append(words.plan_step_last.format(amount=price))
        else:
            lines.append(words.plan_step.format(up_to=f"{step.up_to.normalize():f}", amount=price))
    if plan.minimum is not None:
        lines.append(words.plan_minimum.format(amount=said(plan.minimum)))
    if plan.maximum is not None:
        lines.append(words.plan_maximum.format(amount=said(plan.maximum)))
    return [*lines, words.plan_gross if plan.tax_included else words.plan_net]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Price:
    """By what a card charges somewhere: version (None: no price), discount, and the group that the price is of."""

    version: TariffVersion | None
    discount: Decimal | None
    group: SiteGroup | None


def _price_sheet(
    contract: Contract, wanted: Wanted, *, words: ContractWords, language: Language
) -> list[dict[str, Any]]:
    """Return the seller's sites in the order of their names, those of the same prices together.

    A price that is a site group's is headed by the group; one that is agreed for a group without sites stands last.
    """
    at = begin_of_day(wanted.first_day, contract.seller)
    evses = list(
        Evse.objects.filter(station__location__owner=contract.seller_id)
        .select_related("station__location")
        .order_by("station__location__name", "station__identity", "number")
    )
    sheet: dict[_Price, list[str]] = {}
    for evse, price in zip(evses, _prices_at(contract, wanted, evses, at=at), strict=True):
        location = evse.station.location
        name = f"{location.name}, {_street(location)}"
        names = sheet.setdefault(price, [])
        if name not in names:
            names.append(name)
    shown = {price.group for price in sheet}
    for group, tariff in wanted.group_tariffs:
        if group not in shown:
            sheet[_given(contract, tariff, group=group, at=at)] = []
    return [
        {
            "group": words.at_group.format(group=price.group) if price.group else "",
            "names": names,
            "prices": _in_words(price, words, language),
        }
        for price, names in sheet.items()
    ]


def _street(location: Any) -> str:
    return f"{location.street}, {location.postcode} {location.city}"


def _prices_at(contract: Contract, wanted: Wanted, evses: list[Evse], *, at: datetime) -> list[_Price]:
    """Return by what a card of the contract would charge at each EVSE on the first day."""
    card = IdToken(contract=contract, seller_id=contract.seller_id)
    found = explain_tariffs(TariffQuery(card, one, at) for one in evses)
    return [_price_of(contract, wanted, one, at=at) for one in found]


def _price_of(contract: Contract, wanted: Wanted, found: TariffExplanation, *, at: datetime) -> _Price:
    """Put what is offered in its rank: at its group first, then what the contract has there, then everywhere."""
    rank = found.decided_by.rank if found.decided_by is not None else Rank.DEFAULT
    for group, tariff in wanted.group_tariffs:
        if group == found.group:
            return _given(contract, tariff, group=group, at=at)
    if wanted.tariff is not None and rank is not Rank.CONTRACT_AT_GROUP:
        return _given(contract, wanted.tariff, group=None, at=at)
    return _Price(
        version=found.choice.version,
        discount=found.choice.discount_percent,
        group=found.group if rank in AT_A_GROUP else None,
    )


def _given(contract: Contract, tariff: Tariff, *, group: SiteGroup | None, at: datetime) -> _Price:
    tier = contract.tier
    discount = tier.discount_percent if tier is not None and tier.is_in_force(at) else None
    return _Price(version=version_at(tariff, at), discount=discount, group=group)


def version_at(tariff: Tariff, at: datetime) -> TariffVersion | None:
    """Return a tariff's published version in force at an instant."""
    versions = TariffVersion.objects.published().filter(tariff=tariff).select_related("tariff")
    return next((one for one in versions if one.is_in_force(at)), None)


def _in_words(price: _Price, words: ContractWords, language: Language) -> list[str]:
    if price.version is None:
        return [words.no_price]
    lines = [line.text for line in price_text(price.version.terms(), language=language).lines]
    if price.discount is not None:
        lines.append(words.discount.format(percent=f"{price.discount.normalize():f}"))
    return lines


def _cards(contract: Contract) -> list[dict[str, str]]:
    cards = IdToken.objects.filter(contract=contract).exclude(status=IdToken.Status.RETIRED)
    return [
        {
            "uid": f"…{card.uid[-4:]}",
            "driver": card.driver,
            "vehicle": str(card.vehicle or ""),
            "cost_centre": str(card.cost_centre or ""),
            "free_reason": card.free_reason,
        }
        for card in cards.select_related("vehicle", "cost_centre").order_by("uid")
    ]
