"""Draft the next invoice of a contract from what is due: copied lines, VAT, totals. A draft has no number yet."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

from django.db import transaction
from django.db.models import Exists, Q

from apps.contracts.domain.cycles import BillingCycle, last_billed_day
from apps.contracts.domain.plans import PlanSpan
from apps.contracts.models import Contract, CostCentre
from apps.contracts.registrations import registrations_of
from apps.core.domain.zones import zone
from apps.core.rows import insert_rows
from apps.invoices.domain.amounts import DocumentAmounts, LineAmounts, line_amounts, total_up
from apps.invoices.domain.bands import PriceBand, price_bands, prices_energy
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.domain.wording import WORDS, Words, legal_text
from apps.invoices.models import BillingRun, Invoice, InvoiceLine, InvoiceTax
from apps.invoices.selectors import due_records, open_holds, uncredited_lines
from apps.invoices.services.charges import TaxedCharge, keep_lines, taxed_charges, taxed_line
from apps.invoices.services.plan_charges import charge_line, keep_charges
from apps.invoices.services.plans import DueCharge, close_periods, closing_day, plan_spans, plan_state
from apps.invoices.services.taxes import TaxedPart, buyer_status, decide_for
from apps.invoices.services.text_lines import amounts_on
from apps.sessions.explanation import adjustment_words, free_reason_of
from apps.sessions.models import Cdr, ChargingSession
from apps.tariffs.domain.rated import AdjustmentKind
from apps.tariffs.domain.sentences import Language, describe_reason
from apps.tariffs.domain.terms import Dimension, TariffTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxedRecord:
    """A due charge record and what it costs under each VAT category; at least one."""

    cdr: Cdr
    parts: tuple[TaxedPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueGroup:
    """What one invoice lists: of one currency and one country of the seller's VAT, subject to VAT or not."""

    currency: str
    records: tuple[TaxedRecord, ...]
    charges: tuple[DueCharge, ...] = ()
    others: tuple[TaxedCharge, ...] = ()


@transaction.atomic
def draft_contract(*, contract_id: int, until_date: date, run: BillingRun | None = None) -> list[Invoice]:
    """Draft the invoices of what is due on a contract; none when nothing is.

    The contract is locked first, so that two runs at once meet here and one of them finds the other's work. Drafts
    left behind by a killed run are written anew with what is due now. There is one for each currency and each country
    of supply: an invoice states one currency and one VAT identifier of the seller, or none where what it charges is
    not subject to VAT. A contract that is held has none.

    A record that cost nothing is listed where it says something: it makes an invoice of its own accord if energy was
    delivered; one without energy waits until an invoice is written anyway.

    :raises TaxRefused: the seller has no VAT registration where a charger stands
    :raises TaxDisagrees: a record was rated with another VAT rate than the rule book gives
    """
    contract = Contract.objects.select_for_update(of=("self",)).select_related("seller", "customer").get(pk=contract_id)
    emptied = _empty_drafts(contract)
    is_held = open_holds().filter(contract=contract).exists()
    groups = [] if is_held else _groups(contract, until_date=until_date)
    # Filled again under the same key: whoever is about to issue it issues what it lists now.
    empty = [*emptied, *(Invoice(kind=Invoice.Kind.INVOICE) for _ in groups[len(emptied) :])]
    drafts = [
        _fill(draft, contract=contract, run=run, group=group) for draft, group in zip(empty, groups, strict=False)
    ]
    for draft in empty[len(groups) :]:
        draft.delete()
    return drafts


def discard_drafts(contract: Contract) -> None:
    """Delete the drafts of a locked contract; what they list is due again."""
    for draft in _empty_drafts(contract):
        draft.delete()


def _empty_drafts(contract: Contract) -> list[Invoice]:
    drafts = Invoice.objects.filter(contract=contract, status=InvoiceStatus.DRAFT, kind=Invoice.Kind.INVOICE)
    found = list(drafts.order_by("pk"))
    for draft in found:
        draft.lines.all().delete()
        draft.taxes.all().delete()
    return found


def _groups(contract: Contract, *, until_date: date) -> list[DueGroup]:
    """Return what the next invoices list: each currency and country with something to bill.

    A revision that was made since the run credited what was revised waits for the next run, which credits first. What
    comes to less than nothing waits for more to bill: an invoice does not give money back.
    """
    groups: list[DueGroup] = []
    spans = plan_spans(contract)
    cycle_day = last_billed_day(BillingCycle(contract.billing_cycle), until=until_date)
    closing = min(cycle_day, closing_day(spans, until_date=until_date))
    of_contract = due_records(seller=contract.seller, until_date=closing).filter(session__contract=contract)
    # A first revision has no other that could be billed: most records need no look at their lines.
    due: dict[tuple[str, str, bool], list[Cdr]] = defaultdict(list)
    for cdr in of_contract.filter(Q(revision=1) | ~Exists(uncredited_lines())):
        due[_group_key(cdr)].append(cdr)
    charges = _plan_charges(contract, spans, until_date=until_date)
    others = taxed_charges(contract, until_date=closing)
    registrations, buyer = registrations_of(contract.seller), buyer_status(contract.customer)
    keys = due.keys() | {_charge_key(charge) for charge in charges} | {_other_key(other) for other in others}
    for key in sorted(keys):
        records = due.get(key, [])
        of_plan = tuple(charge for charge in charges if _charge_key(charge) == key)
        besides = tuple(other for other in others if _other_key(other) == key)
        if of_plan or besides or any(cdr.gross.amount or cdr.energy_milliwh for cdr in records):
            taxed = [
                TaxedRecord(cdr=cdr, parts=decide_for(cdr, registrations=registrations, buyer=buyer)) for cdr in records
            ]
            group = DueGroup(currency=key[0], records=tuple(taxed), charges=of_plan, others=besides)
            if _net_of(group) >= 0:
                groups.append(group)
    return groups


def _plan_charges(contract: Contract, spans: Sequence[PlanSpan], *, until_date: date) -> tuple[DueCharge, ...]:
    """Return what is due of the contract's plan, and remember the periods of which nothing more is."""
    if not spans:
        return ()
    state = plan_state(contract, spans=spans, until_date=until_date)
    close_periods(contract, state.settled)
    return state.charges


def _net_of(group: DueGroup) -> Decimal:
    records = sum((part.net for record in group.records for part in record.parts), Decimal(0))
    charges = [(charge.supply, charge.line.amount) for charge in group.charges]
    charges += [(other.supply, other.charge.amount) for other in group.others]
    return sum((supply.round(amount, currency=group.currency)[0] for supply, amount in charges), records)


def _group_key(cdr: Cdr) -> tuple[str, str, bool]:
    return cdr.currency, cdr.session.station.location.country.code, False


def _charge_key(charge: DueCharge) -> tuple[str, str, bool]:
    """What is not subject to VAT needs a document of its own (EN 16931 BR-O-11)."""
    return charge.currency, charge.country, charge.supply.category == "O"


def _other_key(other: TaxedCharge) -> tuple[str, str, bool]:
    return other.charge.currency, other.country, other.supply.category == "O"


def _fill(draft: Invoice, *, contract: Contract, run: BillingRun | None, group: DueGroup) -> Invoice:
    """Write the draft; totals are those of the lines."""
    customer = contract.customer
    draft.seller, draft.customer, draft.contract, draft.run = contract.seller, customer, contract, run
    draft.currency, draft.language = group.currency, customer.language
    draft.amounts_are_gross = customer.amounts_are_gross
    draft.purchase_order, draft.buyer_reference = contract.purchase_order, contract.buyer_reference
    draft.period_from, draft.period_to, draft.tax_date = _days_of(group)
    write_records(draft, group.records, charges=group.charges, others=group.others)
    return draft


def _days_of(group: DueGroup) -> tuple[date, date, date]:
    """Return the first and last day of supply and the tax date.

    What is paid for in advance counts by its first day where nothing else is billed, and else not at all.
    """
    days = [(local_start_date(record.cdr), record.cdr.tax_date) for record in group.records]
    days += [(charge.period.first, charge.period.last) for charge in group.charges if not charge.is_advance]
    days += [(other.charge.first_day, other.charge.last_day) for other in group.others]
    if days:
        last = max(last for _, last in days)
        return min(first for first, _ in days), last, last
    ahead = [charge.period for charge in group.charges]
    first = min(period.first for period in ahead)
    return first, max(period.last for period in ahead), first


def write_records(
    draft: Invoice,
    records: Sequence[TaxedRecord],
    *,
    charges: Sequence[DueCharge] = (),
    others: Sequence[TaxedCharge] = (),
) -> None:
    """Save a draft with a line for each record and VAT category, each charge of the plan, and each other charge."""
    parts = [(record, part) for record in records for part in record.parts]
    amounts = [_amounts(part, draft) for _, part in parts]
    sentences = _Sentences(cast("Language", draft.language))
    lines = [
        _line(record, part, line, position=position, sentences=sentences)
        for position, ((record, part), line) in enumerate(zip(parts, amounts, strict=True), start=1)
    ]
    sources = {
        (decision.en16931_category, decision.rate): (
            decision.country,
            legal_text(decision.legal_text, language=draft.language),
        )
        for decision in (part.decision for _, part in parts)
    }
    for charge in charges:
        amount = amounts_on(draft, charge.supply, charge.line.amount)
        amounts.append(amount)
        lines.append(charge_line(charge, amount, draft=draft, position=len(lines) + 1))
        sources.setdefault(
            (amount.category, amount.rate),
            (charge.supply.country, legal_text(charge.legal_text, language=draft.language)),
        )
    for other in others:
        amount = amounts_on(draft, other.supply, other.charge.amount)
        amounts.append(amount)
        lines.append(taxed_line(other, amount, draft=draft, position=len(lines) + 1))
        sources.setdefault(
            (amount.category, amount.rate),
            (other.supply.country, legal_text(other.legal_text, language=draft.language)),
        )
    write_document(draft, lines=lines, totals=total_up(amounts, currency=draft.currency), sources=sources)
    if draft.contract is not None:
        keep_charges(draft.contract, charges, lines[len(parts) : len(parts) + len(charges)])
        keep_lines(others, lines[len(parts) + len(charges) :])


def write_document(
    document: Invoice,
    *,
    lines: Sequence[InvoiceLine],
    totals: DocumentAmounts,
    sources: dict[tuple[str, Decimal], tuple[str, str]],
) -> None:
    """Save a draft with its totals, lines and VAT rows.

    sources  for each VAT category and rate the country whose VAT it is, and the legal text
    """
    document.net, document.tax, document.gross = totals.net, totals.tax, totals.gross
    document.save()
    for line in lines:
        line.invoice = document
    insert_rows(lines)
    InvoiceTax.objects.bulk_create(
        InvoiceTax(
            invoice=document,
            category=row.category,
            rate=row.rate,
            country=sources[row.category, row.rate][0],
            legal_text=sources[row.category, row.rate][1],
            currency=document.currency,
            net=row.net,
            tax=row.tax,
        )
        for row in totals.categories
    )


def _amounts(part: TaxedPart, draft: Invoice) -> LineAmounts:
    return line_amounts(
        category=part.decision.en16931_category,
        rate=part.decision.rate,
        net=part.net,
        gross=part.gross,
        amounts_are_gross=draft.amounts_are_gross,
        currency=draft.currency,
    )


class _Sentences:
    """Says why prices applied, in one document's language; each sentence once, for most lines say the same."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._terms: dict[int, TariffTerms] = {}
        self._said: dict[tuple[int, int, Dimension], str] = {}

    def terms_of(self, cdr: Cdr) -> TariffTerms:
        version_id = cdr.tariff_version_id
        if version_id not in self._terms:
            self._terms[version_id] = cdr.tariff_version.terms()
        return self._terms[version_id]

    def of_element(self, cdr: Cdr, index: int, dimension: Dimension) -> str:
        key = cdr.tariff_version_id, index, dimension
        if key not in self._said:
            self._said[key] = describe_reason(
                self.terms_of(cdr), element_index=index, dimension=dimension, language=self.language
            )
        return self._said[key]


def _line(
    record: TaxedRecord, part: TaxedPart, amounts: LineAmounts, *, position: int, sentences: _Sentences
) -> InvoiceLine:
    """Copy what the line prints from the record and its session, so that later changes do not reach it."""
    cdr = record.cdr
    session: ChargingSession = cdr.session
    return InvoiceLine(
        position=position,
        cdr=cdr,
        vehicle=str(session.vehicle or ""),
        # An anonymous driver has no card of ours, only a random token that lasts minutes.
        token=session.id_token[-4:] if session.contract_id else "",
        cost_centre=_cost_centre(session.cost_centre, WORDS[sentences.language]) if session.cost_centre else "",
        place=_place(session),
        time_zone=session.time_zone,
        started_at=cdr.started_at,
        ended_at=cdr.ended_at,
        energy_milliwh=cdr.energy_milliwh if part is _energy_part(record) else 0,
        prices=_prices(cdr, part, sentences),
        tax_category=amounts.category,
        tax_rate=amounts.rate,
        currency=cdr.currency,
        net=amounts.net,
        gross=amounts.gross,
    )


def _cost_centre(centre: CostCentre, words: Words) -> str:
    """Name a cost centre with what the customer's accounting looks for: ``4711 Sales · Your order 4500``."""
    said = [str(centre)]
    if centre.purchase_order:
        said.append(f"{words.purchase_order} {centre.purchase_order}")
    if centre.buyer_reference:
        said.append(f"{words.cost_centre_reference} {centre.buyer_reference}")
    return " · ".join(said)


def _energy_part(record: TaxedRecord) -> TaxedPart:
    """Return the part whose line states the metered energy: the first that prices energy, else the first."""
    pricing = (part for part in record.parts if prices_energy(record.cdr.document, categories=part.categories))
    return next(pricing, record.parts[0])


def _place(session: ChargingSession) -> str:
    location = session.station.location
    address = f"{location.street}, {location.postcode} {location.city}"
    return f"{location.name}, {address} · {session.station.identity} / {session.evse.number}"


def _prices(cdr: Cdr, part: TaxedPart, sentences: _Sentences) -> list[PriceBand]:
    return price_bands(
        cdr.document,
        tax_included=sentences.terms_of(cdr).tax_included,
        categories=part.categories,
        describe_element=lambda index, dimension: sentences.of_element(cdr, index, dimension),
        describe_adjustment=lambda kind: adjustment_words(
            AdjustmentKind(kind), free_reason=free_reason_of(cdr), language=sentences.language
        ),
    )


def local_start_date(cdr: Cdr) -> date:
    """Return the day at the charger on which the supply began."""
    return cdr.started_at.astimezone(zone(cdr.session.time_zone)).date()
