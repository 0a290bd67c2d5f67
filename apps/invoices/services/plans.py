"""What is due of a contract's plan: base fees, included energy, steps, minimum and maximum of its billing periods."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q

from apps.contracts.domain.plans import Days, PlanSpan, PlanTerms, periods_until, spans_in
from apps.contracts.models import Contract, ContractPlan
from apps.contracts.plans import plan_spans
from apps.contracts.registrations import registrations_of
from apps.core.clock import from_epoch_ms, to_epoch_ms
from apps.core.domain.money import EXACT, round_half_up
from apps.core.domain.tax import (
    NoTaxRate,
    Registration,
    SellerNotRegistered,
    SupplyKind,
    TaxDecision,
    TaxNotSupported,
    decide_tax,
)
from apps.core.domain.zones import zone
from apps.invoices.domain.plan_lines import SeveralSupplies, Usage, base_fee_line, usage_lines
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.domain.supplies import Supply
from apps.invoices.errors import DraftOutdated, PlanRefused, TaxRefused
from apps.invoices.models import BilledAgain, BilledPeriod, Invoice, InvoiceLine, InvoiceTax, PeriodCharge
from apps.invoices.selectors import cancelled_invoices, current_records, due_records, end_of_day
from apps.invoices.services.taxes import TaxedPart, buyer_status, country_of, decide_for
from apps.sessions.models import Cdr
from apps.tariffs.domain.documents import rated_from_document
from apps.tariffs.domain.period import (
    LineKind,
    PeriodLine,
    PeriodPart,
    energy_parts,
    line_of,
    reversed_line,
    what_changes,
)
from apps.tariffs.domain.rating import inputs_from_document
from apps.tariffs.domain.tracks import RegisterColumns

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCharge:
    """A line that a period's plan adds to the next invoice.

    country      the charger's, or for what nothing was delivered for, the seller's
    is_advance   the period has only begun
    days         of the period, for which it is; of what takes a charge back, the days of that
    takes_back   the charge (pk) that it takes back; None: none
    """

    period: Days
    line: PeriodLine
    supply: Supply
    legal_text: str
    currency: str
    country: str
    is_advance: bool
    days: Days
    takes_back: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanState:
    """What is due of all periods, and the periods of which nothing more is, over and begun to be billed or not."""

    charges: tuple[DueCharge, ...]
    settled: tuple[Days, ...]


def with_plan(contract_ids: Collection[int]) -> list[int]:
    """Return those of these contracts that have, or had, a plan."""
    plans = ContractPlan.objects.filter(contract__in=contract_ids)
    return sorted(set(plans.values_list("contract_id", flat=True)))


def closing_day(spans: Sequence[PlanSpan], *, until_date: date) -> date:
    """Return the day up to which sessions are billed: a period that is not over waits until it is."""
    for period in periods_until(spans, until=until_date):
        if until_date in period and until_date != period.last:
            return period.first - ONE_DAY
    return until_date


def plan_state(contract: Contract, *, spans: Sequence[PlanSpan], until_date: date) -> PlanState:
    """Compare what is due of each period with what was billed of it; a closed one only when a record came late.

    A base fee in advance is due with the run that reaches the day before its period.

    :raises TaxRefused: the rule book gives no VAT
    :raises PlanRefused: steps or a maximum apply to sessions that are taxed in several ways
    """
    closed = set(BilledPeriod.objects.filter(contract=contract, is_closed=True).values_list("first_day", flat=True))
    reading = _Reading(contract, until_date=until_date)
    late = _days_of_unbilled(contract, until_date=until_date) if closed else []
    charges: list[DueCharge] = []
    settled: list[Days] = []
    for period in (*periods_until(spans, until=until_date + ONE_DAY), *_left_behind(contract, spans)):
        if period.first in closed and not any(first < period.end and last >= period.first for first, last in late):
            continue
        changes = reading.changes(period, spans)
        charges += changes
        if not changes and period.last <= until_date:
            settled.append(period)
    return PlanState(charges=tuple(charges), settled=tuple(settled))


def _left_behind(contract: Contract, spans: Sequence[PlanSpan]) -> list[Days]:
    """Return the periods that were billed in advance and in which the contract has no plan any more."""
    rows = BilledPeriod.objects.filter(contract=contract, is_closed=False)
    periods = [row.days for row in rows.order_by("first_day")]
    return [period for period in periods if not spans_in(period, spans)]


def close_periods(contract: Contract, periods: Iterable[Days]) -> None:
    """Remember of which periods all that is due was billed, not only drafted; the caller has locked the contract."""
    drafted = set(
        PeriodCharge.objects.filter(period__contract=contract, line__invoice__status=InvoiceStatus.DRAFT).values_list(
            "period__first_day", flat=True
        )
    )
    for period in periods:
        if period.first in drafted:
            continue
        BilledPeriod.objects.update_or_create(
            contract=contract, first_day=period.first, defaults={"last_day": period.last, "is_closed": True}
        )


def begin_period(contract: Contract, period: Days) -> BilledPeriod:
    """Return the row of a period, made when it is billed first."""
    row, _ = BilledPeriod.objects.get_or_create(
        contract=contract, first_day=period.first, defaults={"last_day": period.last}
    )
    return row


def contracts_with_open_periods(seller_id: int, *, until_date: date) -> list[int]:
    """Return the contracts of a seller of which a period of a plan has begun that is not closed; no offered ones."""
    periods = BilledPeriod.objects.filter(contract__seller=seller_id)
    has_plan = Q(pk__in=ContractPlan.objects.filter(contract__seller=seller_id).values("contract"))
    has_begun = Q(pk__in=periods.filter(is_closed=False).values("contract"))
    contracts = (
        Contract.objects.filter(has_plan | has_begun).exclude(status=Contract.Status.OFFERED).select_related("seller")
    )
    closed = set(periods.filter(is_closed=True).values_list("contract", "first_day"))
    begun = set(periods.filter(is_closed=False).values_list("contract", flat=True))
    return [
        contract_id
        for contract_id, plans in plan_spans(contracts).items()
        if contract_id in begun
        or any((contract_id, period.first) not in closed for period in periods_until(plans, until=until_date + ONE_DAY))
    ]


def reopen_periods(contract: Contract, *, first: date, last: date) -> None:
    """Let the next run look again at a locked contract's periods that share days with these, both included."""
    BilledPeriod.objects.filter(contract=contract, first_day__lte=last, last_day__gte=first).update(is_closed=False)


def check_plans(invoices: Sequence[Invoice]) -> None:
    """Compare the plans that drafts bill with those that their contracts have now; what comes late is the next run's.

    :raises DraftOutdated: another plan, or other days of it
    """
    charges = PeriodCharge.objects.filter(line__invoice__in=invoices).select_related(
        "period__contract__seller", "takes_back__period"
    )
    if not charges:
        return
    spans = plan_spans({charge.period.contract for charge in charges})
    new = {(charge.period_id, charge.words, charge.days) for charge in charges if charge.takes_back is None}
    for charge in charges:
        billed = charge.takes_back or charge
        is_agreed = any(
            days == billed.days and (terms.name == billed.words or not billed.is_fee)
            for terms, days in spans_in(charge.period.days, spans[charge.period.contract_id])
        )
        if charge.takes_back is None:
            is_outdated = not is_agreed
        else:
            # A fee is taken back when it is agreed no more, or taxed otherwise; other charges when sessions come late.
            is_outdated = billed.is_fee and is_agreed and (charge.period_id, billed.words, billed.days) not in new
        if is_outdated:
            raise DraftOutdated(
                f"The plan of {charge.period.contract} has changed since it was drafted. Draft it again."
            )


class _Reading:
    """Reads a contract's records and charges, period by period, with the facts that all of them share."""

    def __init__(self, contract: Contract, *, until_date: date) -> None:
        self._contract, self._until = contract, until_date
        self._seller = contract.seller
        self._registrations: tuple[Registration, ...] = registrations_of(contract.seller)
        self._buyer = buyer_status(contract.customer)
        self._decisions: dict[str, tuple[Supply, str, str]] = {}
        self._cancelled = set(cancelled_invoices(contract).values_list("pk", flat=True))
        self._again = set(BilledAgain.objects.filter(invoice__contract=contract).values_list("invoice", flat=True))

    def changes(self, period: Days, spans: Sequence[PlanSpan]) -> list[DueCharge]:
        """Return what brings the period from what was billed to what is due."""
        is_over = period.last <= self._until
        agreed = spans_in(period, spans)
        due = [
            (line, days)
            for terms, days in agreed
            for line in self._lines(terms, days=days, period=period, is_over=is_over)
        ]
        billed = self._standing(period)
        if not is_over:
            # Later runs may have billed the rest of it already.
            billed = [charge for charge in billed if charge.kind == LineKind.BASE_FEE]
        back, new = what_changes(billed=[(charge, charge.as_line()) for charge in billed], due=due)
        currency = agreed[0][0].currency if agreed else self._seller.currency
        taken = [(charge, self._taking_back(charge, currency=currency)) for charge in back]
        return [
            *(
                self._charge(
                    line, period=period, currency=currency, is_over=is_over, days=charge.days, takes_back=charge.pk
                )
                for charge, line in taken
                if line is not None
            ),
            *(self._charge(line, period=period, currency=currency, is_over=is_over, days=days) for line, days in new),
        ]

    def _standing(self, period: Days) -> list[PeriodCharge]:
        """Return the charges of a period that count as billed: none that was taken back, or is billed again.

        What follows from sessions went with them where all of a document was credited; a base fee that was credited is
        not asked for again by itself.
        """
        charges = PeriodCharge.objects.filter(period__contract=self._contract, period__first_day=period.first)
        counting = [
            charge
            for charge in charges.select_related("line", "takes_back", "period").order_by("position")
            if charge.line.invoice_id not in self._again
            and (charge.line.invoice_id not in self._cancelled or charge.is_fee)
        ]
        standing = {charge.pk: charge for charge in counting}
        # The last first: what takes back a charge may have been taken back itself.
        for charge in reversed(counting):
            if charge.pk in standing and charge.takes_back_id in standing:
                del standing[charge.pk], standing[charge.takes_back_id]
        return list(standing.values())

    def _taking_back(self, charge: PeriodCharge, *, currency: str) -> PeriodLine | None:
        """Return the line that takes back what credit notes have left of a charge; None: nothing."""
        stated = _stated_by(charge.line)
        left = stated + sum((_stated_by(part) for part in charge.line.credited_by.all()), Decimal(0))
        line = reversed_line(charge.as_line())
        if left == stated:
            return line
        amount = round_half_up(line.amount, currency=currency)
        share = round_half_up(EXACT.divide(EXACT.multiply(amount, left), stated), currency=currency)
        part = line_of(
            kind=line.kind,
            quantity=Decimal(1),
            price=share,
            words=line.words,
            tax_category=line.tax_category,
            owner=line.owner,
        )
        return part if share else None

    def _lines(self, terms: PlanTerms, *, days: Days, period: Days, is_over: bool) -> list[PeriodLine]:
        lines: list[PeriodLine] = []
        if is_over or terms.in_advance:
            # What is paid in advance keeps the tax of the day on which it was due.
            tax = self._service(days.first if terms.in_advance else days.last, tax_included=terms.tax_included)
            fee = base_fee_line(terms, days=days, period=period, tax_category=tax)
            lines += [fee] if fee else []
        if is_over:
            tax = self._service(days.last, tax_included=terms.tax_included)
            try:
                lines += usage_lines(terms, days=days, period=period, usage=self._usage(terms, days), service_tax=tax)
            except SeveralSupplies as refusal:
                raise PlanRefused(f"the plan “{terms.name}”, {days.first} to {days.last}: {refusal}") from refusal
        return lines

    def _usage(self, terms: PlanTerms, days: Days) -> Usage:
        """Gather the energy that flowed on the days, and what the sessions cost that ended on them."""
        parts: list[PeriodPart] = []
        charged = Decimal(0)
        energy_only: dict[str, Decimal] = {}
        local = zone(self._seller.time_zone)
        for cdr in self._records(days, currency=terms.currency):
            taxed = decide_for(
                cdr, country=country_of(cdr.session), registrations=self._registrations, buyer=self._buyer
            )
            of_record = tuple(self._parts(cdr, taxed, days))
            within = [part for part in of_record if from_epoch_ms(part.metered_at_ms).astimezone(local).date() in days]
            parts += within
            # The seller's day, as for energy: another clock at the charger would let a session drop out of both months.
            if cdr.ended_at.astimezone(local).date() in days:
                charged += cdr.gross.amount if terms.tax_included else cdr.net.amount
                if len(within) == len(of_record) and (cost := _energy_cost(cdr, of_record)) is not None:
                    energy_only[str(cdr.pk)] = cost
        return Usage(parts=tuple(parts), charged=charged, energy_only=energy_only, stated=self._stated(terms))

    def _stated(self, terms: PlanTerms) -> Callable[[PeriodLine], Decimal]:
        def stated(line: PeriodLine) -> Decimal:
            supply, _, _ = self._decisions[line.tax_category]
            net, gross = supply.round(line.amount, currency=terms.currency)
            return gross if terms.tax_included else net

        return stated

    def _records(self, days: Days, *, currency: str) -> Iterable[Cdr]:
        """Return the current records whose supply touches the days and ended by the run's."""
        begin = end_of_day(days.first - ONE_DAY, time_zone=self._seller.time_zone)
        end = end_of_day(days.last, time_zone=self._seller.time_zone)
        records = current_records(seller=self._seller, until_date=self._until).filter(
            session__contract=self._contract, currency=currency, started_at__lt=end, ended_at__gte=begin
        )
        if not self._cancelled:
            return records
        # Until they are revised, sessions are not billed any more of which all of the document was credited.
        gone = InvoiceLine.objects.filter(cdr=OuterRef("pk"), invoice__in=self._cancelled).order_by()
        return records.filter(~Exists(gone))

    def _parts(self, cdr: Cdr, taxed: Sequence[TaxedPart], days: Days) -> Iterable[PeriodPart]:
        tax_included = cdr.tariff_version.tax_included
        country = country_of(cdr.session)
        keys = {
            category: self._know(part.decision, tax_included=tax_included, country=country)
            for part in taxed
            for category in part.categories
        }
        vehicle = str(cdr.session.vehicle_id or "")
        rated = rated_from_document(cdr.document)
        for part in energy_parts(
            rated=rated, tax_included=tax_included, record=str(cdr.pk), owner=vehicle, cuts=self._cuts(cdr, days)
        ):
            yield replace(part, tax_category=keys[part.tax_category])

    def _cuts(self, cdr: Cdr, days: Days) -> list[tuple[int, int]]:
        """Return the instants (epoch ms) at which the days begin and end within a session, and its register then."""
        bounds = (end_of_day(day, time_zone=self._seller.time_zone) for day in (days.first - ONE_DAY, days.last))
        within = [to_epoch_ms(at) for at in bounds if cdr.started_at < at < cdr.ended_at]
        if not within:
            return []
        # The record's inputs are large, and few sessions lie on such a night.
        register = RegisterColumns(inputs_from_document(cdr.inputs).facts)
        return [(at_ms, register.value_at(at_ms)) for at_ms in within]

    def _service(self, day: date, *, tax_included: bool) -> str:
        """Decide the VAT of what is paid for being a customer: a service."""
        country = self._seller.country.code
        try:
            decision = decide_tax(
                supply=SupplyKind.SERVICE,
                country=country,
                seller_registrations=self._registrations,
                buyer=self._buyer,
                on=day,
            )
        except (SellerNotRegistered, TaxNotSupported, NoTaxRate) as refusal:
            raise TaxRefused(f"the plan of {self._contract.number}: {refusal}") from refusal
        return self._know(decision, tax_included=tax_included, country=country)

    def _know(self, decision: TaxDecision, *, tax_included: bool, country: str) -> str:
        supply = Supply.of(decision, tax_included=tax_included)
        self._decisions.setdefault(supply.key, (supply, decision.legal_text, country))
        return supply.key

    def _charge(
        self, line: PeriodLine, *, period: Days, currency: str, is_over: bool, days: Days, takes_back: int | None = None
    ) -> DueCharge:
        supply, legal_text, country = self._decisions.get(line.tax_category) or self._known_from(line.tax_category)
        return DueCharge(
            period=period,
            line=line,
            supply=supply,
            legal_text=legal_text,
            currency=currency,
            country=country,
            is_advance=not is_over,
            days=days,
            takes_back=takes_back,
        )

    def _known_from(self, key: str) -> tuple[Supply, str, str]:
        """Return how a charge was taxed that is only taken back: nothing due is taxed so any more."""
        supply = Supply.from_key(key)
        tax = InvoiceTax.objects.filter(
            invoice__contract=self._contract,
            invoice__lines__period_charge__tax_key=key,
            category=supply.category,
            rate=supply.rate,
        ).latest("pk")
        home = self._seller.country.code
        return supply, tax.legal_text, supply.country if supply.category == "S" else home


def _stated_by(line: InvoiceLine) -> Decimal:
    stated: Decimal = (line.net if line.gross is None else line.gross).amount
    return stated


def _energy_cost(cdr: Cdr, parts: Sequence[PeriodPart]) -> Decimal | None:
    """Return what a record costs, rounded, as its tariff states it; None: more than energy, or several taxes."""
    cost = cdr.gross if cdr.tariff_version.tax_included else cdr.net
    exact = sum(
        (EXACT.multiply(EXACT.divide(Decimal(p.energy_milliwh), 1_000_000), p.price) for p in parts), Decimal(0)
    )
    is_all = round_half_up(exact, currency=cdr.currency) == cost.amount
    return cost.amount if is_all and len({part.tax_category for part in parts}) == 1 else None


def _days_of_unbilled(contract: Contract, *, until_date: date) -> list[tuple[date, date]]:
    """Return the local days of the first and last moment of each record that no line bills yet."""
    local = zone(contract.seller.time_zone)

    def day(moment: datetime) -> date:
        return moment.astimezone(local).date()

    records = due_records(seller=contract.seller, until_date=until_date).filter(session__contract=contract)
    return [(day(first), day(last)) for first, last in records.values_list("started_at", "ended_at")]
