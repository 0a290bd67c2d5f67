"""What is due of a contract's plan: base fees, included energy, steps, minimum and maximum of its billing periods."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from apps.contracts.domain.plans import Days, PlanSpan, PlanTerms, periods_until, spans_in
from apps.contracts.models import Contract, ContractPlan
from apps.contracts.plans import plan_spans
from apps.contracts.registrations import registrations_of
from apps.core.clock import from_epoch_ms
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
from apps.invoices.errors import PlanRefused, TaxRefused
from apps.invoices.models import BilledPeriod, InvoiceTax, PeriodCharge
from apps.invoices.selectors import current_records, due_records, end_of_day
from apps.invoices.services.taxes import TaxedPart, buyer_status, country_of, decide_for
from apps.sessions.models import Cdr
from apps.tariffs.domain.documents import rated_from_document
from apps.tariffs.domain.period import (
    LineKind,
    PeriodLine,
    PeriodPart,
    delta_lines,
    energy_parts,
    in_force,
    reversed_line,
)

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCharge:
    """A line that a period's plan adds to the next invoice.

    country      the charger's, or for what nothing was delivered for, the seller's
    is_advance   the period has only begun
    days         of a base fee, or what takes one back: the days it is for; None: of anything else
    """

    period: Days
    line: PeriodLine
    supply: Supply
    legal_text: str
    currency: str
    country: str
    is_advance: bool
    days: Days | None = None


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
    for period in periods_until(spans, until=until_date + ONE_DAY):
        if period.first in closed and not any(first < period.end and last >= period.first for first, last in late):
            continue
        changes = reading.changes(period, spans)
        charges += changes
        if not changes and period.last <= until_date:
            settled.append(period)
    return PlanState(charges=tuple(charges), settled=tuple(settled))


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
    """Return the contracts of a seller with a plan of which a period has begun that is not closed; no offered ones."""
    contracts = (
        Contract.objects.filter(pk__in=ContractPlan.objects.filter(contract__seller=seller_id).values("contract"))
        .exclude(status=Contract.Status.OFFERED)
        .select_related("seller")
    )
    closed = set(
        BilledPeriod.objects.filter(contract__seller=seller_id, is_closed=True).values_list("contract", "first_day")
    )
    return [
        contract_id
        for contract_id, plans in plan_spans(contracts).items()
        if any((contract_id, period.first) not in closed for period in periods_until(plans, until=until_date + ONE_DAY))
    ]


class _Reading:
    """Reads a contract's records and charges, period by period, with the facts that all of them share."""

    def __init__(self, contract: Contract, *, until_date: date) -> None:
        self._contract, self._until = contract, until_date
        self._seller = contract.seller
        self._registrations: tuple[Registration, ...] = registrations_of(contract.seller)
        self._buyer = buyer_status(contract.customer)
        self._decisions: dict[str, tuple[Supply, str, str]] = {}

    def changes(self, period: Days, spans: Sequence[PlanSpan]) -> list[DueCharge]:
        """Return what brings the period from what was billed to what is due."""
        is_over = period.last <= self._until
        due: list[PeriodLine] = []
        fees: list[tuple[PeriodLine, Days]] = []
        for terms, days in spans_in(period, spans):
            lines = self._lines(terms, days=days, period=period, is_over=is_over)
            due += lines
            fees += [(line, days) for line in lines if line.kind is LineKind.BASE_FEE]
        charges = list(PeriodCharge.objects.filter(period__contract=self._contract, period__first_day=period.first))
        billed = in_force([charge.as_line() for charge in charges])
        if not is_over:
            # Later runs may have billed the rest of it already.
            billed = tuple(line for line in billed if line.kind is LineKind.BASE_FEE)
        currency = spans_in(period, spans)[0][0].currency
        return [
            self._charge(line, period=period, currency=currency, is_over=is_over, days=days)
            for line, days in with_days(delta_lines(billed=billed, due=due), due=fees, charges=charges)
        ]

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
        local = zone(self._seller.time_zone)
        for cdr in self._records(days, currency=terms.currency):
            taxed = decide_for(
                cdr, country=country_of(cdr.session), registrations=self._registrations, buyer=self._buyer
            )
            for part in self._parts(cdr, taxed):
                if from_epoch_ms(part.metered_at_ms).astimezone(local).date() in days:
                    parts.append(part)
            if cdr.tax_date in days:
                charged += cdr.gross.amount if terms.tax_included else cdr.net.amount
        return Usage(parts=tuple(parts), charged=charged, stated=self._stated(terms))

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
        return current_records(seller=self._seller, until_date=self._until).filter(
            session__contract=self._contract, currency=currency, started_at__lt=end, ended_at__gte=begin
        )

    def _parts(self, cdr: Cdr, taxed: Sequence[TaxedPart]) -> Iterable[PeriodPart]:
        tax_included = cdr.tariff_version.tax_included
        country = country_of(cdr.session)
        keys = {
            category: self._know(part.decision, tax_included=tax_included, country=country)
            for part in taxed
            for category in part.categories
        }
        vehicle = str(cdr.session.vehicle_id or "")
        rated = rated_from_document(cdr.document)
        for part in energy_parts(rated=rated, tax_included=tax_included, record=str(cdr.pk), owner=vehicle):
            yield replace(part, tax_category=keys[part.tax_category])

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

    def _charge(self, line: PeriodLine, *, period: Days, currency: str, is_over: bool, days: Days | None) -> DueCharge:
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


def with_days(
    lines: Iterable[PeriodLine], *, due: Sequence[tuple[PeriodLine, Days]], charges: Sequence[PeriodCharge]
) -> list[tuple[PeriodLine, Days | None]]:
    """Return each line with the days that a base fee is for; what takes one back is for the days of that one.

    due      the base fees that are due, each with its days · charges: what was billed of the period so far
    """
    billed = [
        (one.as_line(), Days(first=one.first_day, end=one.last_day + ONE_DAY))
        for one in charges
        if one.first_day is not None and one.last_day is not None
    ]
    fresh = [pair for pair in due if pair not in billed]
    known = [*fresh, *((reversed_line(line), days) for line, days in billed if line.kind is LineKind.BASE_FEE)]
    found: list[tuple[PeriodLine, Days | None]] = []
    for line in lines:
        pair = next((pair for pair in known if pair[0] == line), None)
        if pair is not None:
            known.remove(pair)
        found.append((line, pair[1] if pair else None))
    return found


def _days_of_unbilled(contract: Contract, *, until_date: date) -> list[tuple[date, date]]:
    """Return the local days of the first and last moment of each record that no line bills yet."""
    local = zone(contract.seller.time_zone)

    def day(moment: datetime) -> date:
        return moment.astimezone(local).date()

    records = due_records(seller=contract.seller, until_date=until_date).filter(session__contract=contract)
    return [(day(first), day(last)) for first, last in records.values_list("started_at", "ended_at")]
