"""Draft the next invoice of a contract from what is due: copied lines, VAT, totals. A draft has no number yet."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, cast

from django.db import transaction
from django.db.models import Exists, Q

from apps.accounts.models import Organisation
from apps.contracts.domain.cycles import BillingCycle, last_billed_day
from apps.contracts.domain.plans import PlanSpan
from apps.contracts.models import Contract, CostCentre
from apps.contracts.plans import plan_spans
from apps.contracts.registrations import registrations_of
from apps.core.domain.tax import BuyerStatus, Registration
from apps.core.domain.zones import zone
from apps.invoices.domain.amounts import LineAmounts, line_amounts, total_up
from apps.invoices.domain.bands import PriceBand, price_bands, prices_energy
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.domain.wording import WORDS, Words, legal_text
from apps.invoices.models import BilledPeriod, BillingRun, Invoice, InvoiceLine
from apps.invoices.selectors import correcting_records, due_records, open_holds, uncredited_lines
from apps.invoices.services.charges import TaxedCharge, due_charges, keep_lines, taxed_charges, taxed_line
from apps.invoices.services.documents import DocumentInHand, compose, lock_contracts, write_documents
from apps.invoices.services.plan_charges import charge_line, keep_charges
from apps.invoices.services.plans import DueCharge, close_periods, closing_day, plan_state
from apps.invoices.services.taxes import TaxedPart, buyer_status, country_of, decide_for
from apps.invoices.services.text_lines import amounts_on
from apps.sessions.explanation import adjustment_words, free_reason_of
from apps.sessions.models import Cdr, ChargingSession
from apps.tariffs.domain.rated import AdjustmentKind
from apps.tariffs.domain.sentences import Language, describe_reason
from apps.tariffs.domain.terms import Dimension, TariffTerms

_READ: Final = (
    *("session", "revision", "tariff_version", "started_at", "ended_at", "tax_date", "energy_milliwh", "document"),
    *("currency", "net", "gross"),
    *(
        f"session__{name}"
        for name in ("contract", "station", "evse", "vehicle", "cost_centre", "id_token", "time_zone")
    ),
)
"""What a line is made of, of a charge record and its session, which have three times as many columns."""


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


def draft_contract(*, contract_id: int, until_date: date, run: BillingRun | None = None) -> list[Invoice]:
    """Draft the invoices of what is due on a contract; see ``draft_contracts``."""
    drafts = draft_contracts(contract_ids=[contract_id], until_date=until_date, run=run)
    return [draft.invoice for draft in drafts]


@transaction.atomic
def draft_contracts(
    *, contract_ids: Collection[int], until_date: date, run: BillingRun | None = None
) -> list[DocumentInHand]:
    """Draft the invoices of what is due on contracts of one seller, in the order of their keys; none when nothing is.

    The contracts are locked first, so that two runs at once meet here and one of them finds the other's work. Drafts
    left behind are written anew with what is due now. There is one for each currency and each country of supply: an
    invoice states one currency and one VAT identifier of the seller, or none where what it charges is not subject to
    VAT. A contract that is held has none.

    A run under review drafts revisions of what is billed already: they are issued when that is credited.

    A record that cost nothing is listed where it says something: it makes an invoice of its own accord if energy was
    delivered; one without energy waits until an invoice is written anyway.

    :raises TaxRefused: the seller has no VAT registration where a charger stands
    :raises TaxDisagrees: a record was rated with another VAT rate than the rule book gives
    """
    contracts = lock_contracts(contract_ids)
    emptied = _empty_drafts(contracts)
    held = set(open_holds().filter(contract__in=contracts).values_list("contract_id", flat=True))
    free = [contract for contract in contracts if contract.pk not in held]
    groups = _groups(free, until_date=until_date, corrects=run is not None and run.is_reviewed)
    drafts: list[tuple[DocumentInHand, Contract, DueGroup]] = []
    for contract in contracts:
        # Filled again under the same key: whoever is about to issue it issues what it lists now.
        left_behind = emptied.get(contract.pk, [])
        for group in groups.get(contract.pk, []):
            draft = left_behind.pop(0) if left_behind else Invoice(kind=Invoice.Kind.INVOICE)
            drafts.append((_fill(draft, contract=contract, run=run, group=group), contract, group))
        for draft in left_behind:
            draft.delete()
    write_documents([written for written, _, _ in drafts])
    for written, contract, group in drafts:
        _keep_charges(written, contract=contract, group=group)
    return [written for written, _, _ in drafts]


def discard_drafts(contract: Contract) -> None:
    """Delete the drafts of a locked contract; what they list is due again."""
    for drafts in _empty_drafts([contract]).values():
        for draft in drafts:
            draft.delete()


def _empty_drafts(contracts: Sequence[Contract]) -> dict[int, list[Invoice]]:
    """Take the lines of drafts away and return them by contract."""
    drafts = Invoice.objects.filter(contract__in=contracts, status=InvoiceStatus.DRAFT, kind=Invoice.Kind.INVOICE)
    found: defaultdict[int, list[Invoice]] = defaultdict(list)
    for draft in drafts.order_by("pk"):
        draft.lines.all().delete()
        draft.taxes.all().delete()
        found[draft.contract_id].append(draft)
    return found


def _groups(contracts: Sequence[Contract], *, until_date: date, corrects: bool) -> dict[int, list[DueGroup]]:
    """Return what the next invoices of each contract list: each currency and country with something to bill.

    A revision that was made since the run credited what was revised waits for the next run, which credits first. What
    comes to less than nothing waits for more to bill: an invoice does not give money back.

    corrects  revisions of what is billed are listed too, also those that cost nothing: what they correct is credited
              when the draft is issued
    """
    if not contracts:
        return {}
    seller = contracts[0].seller
    plans = plan_spans(contracts)
    closing = {contract.pk: _closing(contract, plans[contract.pk], until_date=until_date) for contract in contracts}
    due = _due_by_contract(seller, closing=closing, corrects=corrects)
    corrections = set(correcting_records([cdr.pk for found in due.values() for cdr in found])) if corrects else set()
    charged = set(due_charges(seller=seller, until_date=until_date).values_list("contract_id", flat=True))
    begun = set(BilledPeriod.objects.filter(contract__in=contracts, is_closed=False).values_list("contract", flat=True))
    registrations = registrations_of(seller)
    return {
        contract.pk: _groups_of(
            due[contract.pk],
            corrections=corrections,
            charges=_plan_charges(contract, plans[contract.pk], until_date=until_date)
            if plans[contract.pk] or contract.pk in begun
            else (),
            others=taxed_charges(contract, until_date=closing[contract.pk]) if contract.pk in charged else [],
            registrations=registrations,
            buyer=buyer_status(contract.customer),
        )
        for contract in contracts
    }


def _closing(contract: Contract, spans: Sequence[PlanSpan], *, until_date: date) -> date:
    """Return the last day of which a contract's sessions are billed."""
    cycle_day = last_billed_day(BillingCycle(contract.billing_cycle), until=until_date)
    return min(cycle_day, closing_day(spans, until_date=until_date))


def _due_by_contract(
    seller: Organisation, *, closing: Mapping[int, date], corrects: bool
) -> dict[int | None, list[Cdr]]:
    """Return the due records of contracts, the oldest first; most are billed up to the same day.

    closing  contract → the last day of which its sessions are billed · corrects  with revisions of what is billed
    """
    found: dict[int | None, list[Cdr]] = {contract_id: [] for contract_id in closing}
    for day in set(closing.values()):
        contract_ids = [contract_id for contract_id, last in closing.items() if last == day]
        due = due_records(seller=seller, until_date=day).filter(session__contract__in=contract_ids)
        if not corrects:
            # A first revision has no other that could be billed: most records need no look at their lines.
            due = due.filter(Q(revision=1) | ~Exists(uncredited_lines()))
        for cdr in due.only(*_READ):
            found[cdr.session.contract_id].append(cdr)
    return found


def _groups_of(
    records: Sequence[Cdr],
    *,
    corrections: Collection[int],
    charges: Sequence[DueCharge],
    others: Sequence[TaxedCharge],
    registrations: tuple[Registration, ...],
    buyer: BuyerStatus,
) -> list[DueGroup]:
    stations = {cdr.session.station_id: cdr.session for cdr in records}
    countries = {station_id: country_of(session) for station_id, session in stations.items()}
    due: defaultdict[tuple[str, str, bool], list[Cdr]] = defaultdict(list)
    for cdr in records:
        due[cdr.currency, countries[cdr.session.station_id], False].append(cdr)
    keys = due.keys() | {_charge_key(charge) for charge in charges} | {_other_key(other) for other in others}
    groups = []
    for key in sorted(keys):
        of_key = due.get(key, [])
        of_plan = tuple(charge for charge in charges if _charge_key(charge) == key)
        besides = tuple(other for other in others if _other_key(other) == key)
        if of_plan or besides or any(_says_something(cdr, corrections) for cdr in of_key):
            taxed = [
                TaxedRecord(cdr=cdr, parts=decide_for(cdr, country=key[1], registrations=registrations, buyer=buyer))
                for cdr in of_key
            ]
            group = DueGroup(currency=key[0], records=tuple(taxed), charges=of_plan, others=besides)
            if _net_of(group) >= 0:
                groups.append(group)
    return groups


def _says_something(cdr: Cdr, corrections: Collection[int]) -> bool:
    return bool(cdr.gross.amount or cdr.energy_milliwh) or cdr.pk in corrections


def _plan_charges(contract: Contract, spans: Sequence[PlanSpan], *, until_date: date) -> tuple[DueCharge, ...]:
    """Return what is due of the contract's plan, and remember the periods of which nothing more is."""
    state = plan_state(contract, spans=spans, until_date=until_date)
    close_periods(contract, state.settled)
    return state.charges


def _net_of(group: DueGroup) -> Decimal:
    records = sum((part.net for record in group.records for part in record.parts), Decimal(0))
    charges = [(charge.supply, charge.line.amount) for charge in group.charges]
    charges += [(other.supply, other.charge.amount) for other in group.others]
    return sum((supply.round(amount, currency=group.currency)[0] for supply, amount in charges), records)


def _charge_key(charge: DueCharge) -> tuple[str, str, bool]:
    """What is not subject to VAT needs a document of its own (EN 16931 BR-O-11)."""
    return charge.currency, charge.country, charge.supply.category == "O"


def _other_key(other: TaxedCharge) -> tuple[str, str, bool]:
    return other.charge.currency, other.country, other.supply.category == "O"


def _fill(draft: Invoice, *, contract: Contract, run: BillingRun | None, group: DueGroup) -> DocumentInHand:
    """Fill the draft, to be written; totals are those of the lines."""
    customer = contract.customer
    draft.seller, draft.customer, draft.contract, draft.run = contract.seller, customer, contract, run
    draft.currency, draft.language = group.currency, customer.language
    draft.amounts_are_gross = customer.amounts_are_gross
    draft.purchase_order, draft.buyer_reference = contract.purchase_order, contract.buyer_reference
    draft.period_from, draft.period_to, draft.tax_date = _days_of(group)
    return _list(draft, group.records, charges=group.charges, others=group.others)


def _keep_charges(draft: DocumentInHand, *, contract: Contract, group: DueGroup) -> None:
    """Remember which line bills which charge: the plan's come after the records, the others last."""
    of_records = len(draft.lines) - len(group.charges) - len(group.others)
    keep_charges(contract, group.charges, draft.lines[of_records : of_records + len(group.charges)])
    keep_lines(group.others, draft.lines[of_records + len(group.charges) :])


def _days_of(group: DueGroup) -> tuple[date, date, date]:
    """Return the first and last day of supply and the tax date.

    What is paid for in advance counts by its first day where nothing else is billed, and else not at all.
    """
    days = [(local_start_date(record.cdr), record.cdr.tax_date) for record in group.records]
    days += [(charge.days.first, charge.days.last) for charge in group.charges if not charge.is_advance]
    days += [(other.charge.first_day, other.charge.last_day) for other in group.others]
    if days:
        last = max(last for _, last in days)
        return min(first for first, _ in days), last, last
    ahead = [charge.days for charge in group.charges]
    first = min(days.first for days in ahead)
    return first, max(days.last for days in ahead), first


def write_records(draft: Invoice, records: Sequence[TaxedRecord]) -> None:
    """Save a draft with a line for each record and VAT category."""
    write_documents([_list(draft, records)])


def _list(
    draft: Invoice,
    records: Sequence[TaxedRecord],
    *,
    charges: Sequence[DueCharge] = (),
    others: Sequence[TaxedCharge] = (),
) -> DocumentInHand:
    """List each record and VAT category, each charge of the plan, and each other charge."""
    parts = [(record, part) for record in records for part in record.parts]
    amounts = [_amounts(part, draft) for _, part in parts]
    sentences = _Sentences(cast("Language", draft.language))
    lines = [
        _line(record, part, line, position=position, sentences=sentences)
        for position, ((record, part), line) in enumerate(zip(parts, amounts, strict=True), start=1)
    ]
    decisions = {(part.decision.en16931_category, part.decision.rate): part.decision for _, part in parts}
    sources = {
        key: (decision.country, legal_text(decision.legal_text, language=draft.language))
        for key, decision in decisions.items()
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
    return compose(draft, lines=lines, totals=total_up(amounts, currency=draft.currency), sources=sources)


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
    """Says where it was and why prices applied, in one document's language; each sentence once, for most lines say the
    same.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._places: dict[tuple[int, int], str] = {}
        self._terms: dict[int, TariffTerms] = {}
        self._said: dict[tuple[int, int, Dimension], str] = {}

    def place_of(self, session: ChargingSession) -> str:
        key = session.station_id, session.evse_id
        if key not in self._places:
            self._places[key] = _place(session)
        return self._places[key]

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
        place=sentences.place_of(session),
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
    if len(record.parts) == 1:
        return record.parts[0]
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
